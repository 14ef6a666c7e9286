import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerStartError } from './errors.js';
import { processTree, signalProcess } from './process-table.js';
import { openServerLog, readLogTail, type ServerLog } from './server-log.js';
import type { Command } from './unprivileged.js';

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server that runs as a child process and answers. */
export interface EmbeddedServer {
  /** Connection URL with user and password, on 127.0.0.1. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The server's own log: one file for all runs, 10 MiB and one predecessor at most per start. */
  readonly logFile: string;
  /** Shuts down gracefully, and by SIGKILL after a deadline (10 s at most). May be called any number of times. */
  stop(): Promise<void>;
  /**
   * For crash tests. SIGKILL (the default), SIGSTOP and SIGCONT go to every process of the server; any other signal
   * goes to its main process, which passes on what it means. Nothing happens once the server has exited.
   */
  kill(signal?: NodeJS.Signals): void;
  /** Resolves when the main process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ServerExit>;
}

export interface ServerSpec {
  /** As people say it: `PostgreSQL`. */
  readonly name: string;
  readonly command: Command;
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Asks for a graceful end. */
  readonly stopSignal: NodeJS.Signals;
  readonly stopDeadlineMs: number;
  /** Asks the server once; false means not yet, an error means never. */
  readonly probe: () => Promise<boolean>;
  readonly readyDeadlineMs: number;
  /** What to do about a start that failed, given the end of the server's log. */
  readonly advice: (logTail: string) => string;
}

/** A server's process, from spawn to exit. */
export type ServerProcess = Omit<EmbeddedServer, 'url' | 'port'>;

const POLL_INTERVAL_MS = 25;

/**
 * Spawns the server and waits until it answers. Throws `ServerStartError`, with nothing left running, if it exits first,
 * if the probe says never, or if the deadline passes.
 */
export async function startServer(spec: ServerSpec): Promise<ServerProcess> {
  const log = openServerLog(spec.logFile);
  const server = await launch(spec, log).finally(() => closeSync(log.fd));
  const failed = (reason: string, cause?: unknown): ServerStartError => {
    const tail = readLogTail(log);
    return new ServerStartError(spec.name, reason, spec.advice(tail), tail, { cause });
  };
  let exit: ServerExit | undefined;
  server.exited.then((value) => {
    exit = value;
  });
  const deadline = Date.now() + spec.readyDeadlineMs;
  try {
    for (;;) {
      const answered = await spec.probe();
      // Looked at after the probe: what answered may be another server that has the port which ours did not get.
      if (exit !== undefined) throw failed(`it exited with ${exit.signal ?? `code ${exit.code}`}.`);
      if (answered) return server;
      if (Date.now() > deadline) throw failed(`it did not answer within ${spec.readyDeadlineMs} ms.`);
      await Promise.race([sleep(POLL_INTERVAL_MS), server.exited]);
    }
  } catch (error) {
    // Not by SIGKILL: a PostgreSQL that is not started again on its directory would leave its shared memory behind.
    await server.stop();
    throw error instanceof ServerStartError ? error : failed(`${(error as Error).message}.`, error);
  }
}

async function launch(spec: ServerSpec, log: ServerLog): Promise<ServerProcess> {
  const { file, args, uid, gid } = spec.command;
  const child = spawn(file, args, {
    cwd: spec.cwd,
    env: spec.env ?? process.env,
    // A file, not a pipe: a parent that dies must not take the server's log with it.
    stdio: ['ignore', log.fd, log.fd],
    // Its own process group: Ctrl-C in a terminal reaches the product, which drains before it stops the servers.
    detached: true,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    const reason = `${file} could not be run (${(cause as NodeJS.ErrnoException).code}).`;
    throw new ServerStartError(spec.name, reason, spec.advice(''), '', { cause });
  }
  const pid = child.pid as number;
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const forget = stopWithThisProcess(() => signalProcess(pid, spec.stopSignal));
  exited.then(forget);

  const kill = (signal: NodeJS.Signals = 'SIGKILL'): void => {
    if (isRunning()) signalServer(pid, signal);
  };
  const stopNow = async (): Promise<void> => {
    if (!isRunning()) return;
    signalProcess(pid, spec.stopSignal);
    kill('SIGCONT'); // A server that was frozen by SIGSTOP hears the first signal only when it goes on.
    const overdue = setTimeout(kill, spec.stopDeadlineMs);
    await exited;
    clearTimeout(overdue);
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopNow();
    return stopping;
  };
  return { pid, logFile: spec.logFile, exited, kill, stop };
}

function signalServer(pid: number, signal: NodeJS.Signals): void {
  if (signal !== 'SIGKILL' && signal !== 'SIGSTOP' && signal !== 'SIGCONT') {
    signalProcess(pid, signal);
    return;
  }
  // PostgreSQL's children are sessions of their own: the process group does not reach them. The main process is
  // stopped first, so that no child is born between looking and killing.
  if (signal !== 'SIGCONT') signalProcess(pid, 'SIGSTOP');
  for (const { pid: member } of processTree(pid)) signalProcess(member, signal);
}

const stopCallbacks = new Set<() => void>();
const stopAll = (): void => {
  for (const stop of stopCallbacks) stop();
};

/**
 * Last resort for `process.exit` and uncaught errors, where nobody can wait for `stop()` any more: the servers are asked
 * to end and do so without us. Returns what takes the callback back.
 */
function stopWithThisProcess(stop: () => void): () => void {
  if (stopCallbacks.size === 0) process.on('exit', stopAll);
  stopCallbacks.add(stop);
  return () => {
    stopCallbacks.delete(stop);
    if (stopCallbacks.size === 0) process.off('exit', stopAll);
  };
}
