import { setTimeout as sleep } from 'node:timers/promises';
import { ServerStartError } from './errors.js';
import { listProcesses, type ProcessEntry, processesIn, signalProcess } from './process-table.js';

export interface FormerServer {
  /** As people say it: `PostgreSQL`. */
  readonly server: string;
  readonly dataDir: string;
  /** Names its processes may have. */
  readonly names: readonly string[];
  /** Signals from polite to final, each with the time (ms) it is given. */
  readonly signals: readonly (readonly [NodeJS.Signals, number])[];
  readonly onProgress?: ((step: string) => void) | undefined;
}

const POLL_INTERVAL_MS = 20;

/**
 * Stops what an earlier run left on this directory: a server whose supervisor was killed by SIGKILL, or children that
 * have not noticed their server's death yet. Only processes that work in the directory are touched, whatever a pid file
 * says. Throws `ServerStartError` if the server's supervisor is alive: then the directory is simply in use.
 */
export async function stopFormerServer(former: FormerServer): Promise<void> {
  const find = (): ProcessEntry[] => processesIn(former.dataDir, former.names);
  let running = find();
  if (running.length === 0) return;
  refuseIfSupervised(former, running);
  former.onProgress?.(`stopping the ${former.server} that an earlier run left on ${former.dataDir}`);
  for (const [signal, patienceMs] of former.signals) {
    // Politeness is for the main process, which tells its children; in the end everyone is meant.
    const receivers = signal === 'SIGKILL' ? running : mainProcesses(running);
    for (const { pid } of receivers) signalProcess(pid, signal);
    // Whoever was frozen by SIGSTOP hears nothing until it goes on.
    for (const { pid } of running) signalProcess(pid, 'SIGCONT');
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(POLL_INTERVAL_MS)) {
      running = find();
      if (running.length === 0) return;
    }
  }
  const pids = running.map(({ pid }) => pid).join(', ');
  const advice = `End pid ${pids} by hand, then start again.`;
  throw new ServerStartError(former.server, `an earlier one on ${former.dataDir} does not end.`, advice);
}

function mainProcesses(running: readonly ProcessEntry[]): ProcessEntry[] {
  return running.filter(({ parentPid }) => !running.some(({ pid }) => pid === parentPid));
}

/** A server that lost its supervisor was adopted by init or the like. One whose parent is still a Node has not lost it. */
function refuseIfSupervised(former: FormerServer, running: readonly ProcessEntry[]): void {
  const all = listProcesses();
  const ownName = all.find(({ pid }) => pid === process.pid)?.name;
  for (const { pid, parentPid } of mainProcesses(running)) {
    // In a container Node may itself be init. And what this very process started is the caller's own business.
    if (parentPid === 1 || parentPid === process.pid) continue;
    const parent = all.find((entry) => entry.pid === parentPid);
    if (parent === undefined || parent.name !== ownName) continue;
    const reason = `${former.dataDir} is in use by pid ${pid}, started by pid ${parentPid} (${parent.name}), which still runs.`;
    throw new ServerStartError(former.server, reason, 'Stop that one first, or choose another directory.');
  }
}
