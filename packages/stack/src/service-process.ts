/** One of our services as a child process. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';

export interface ServiceOptions {
  /** `api` or `kills-worker`: the name in messages. */
  readonly name: string;
  /** The service's compiled main file. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where it answers `/health/ready`. */
  readonly url: string;
  /** Its output is appended here, so that it outlives this process. */
  readonly logFile: string;
  /** Called as soon as the process exists, before it is ready. */
  readonly onSpawn?: (service: ServiceProcess) => void;
}

export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGTERM, and SIGKILL if it has not left after `deadlineMs` (default 20000). */
  stop(deadlineMs?: number): Promise<void>;
  kill(signal?: NodeJS.Signals): void;
}

const READY_DEADLINE_MS = 30_000;
const LOOK_INTERVAL_MS = 50;

/**
 * Starts the service and waits until it is ready.
 *
 * @throws when it leaves or is not ready in time; the message carries the end of its log
 */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const log = await open(options.logFile, 'a');
  // In a process group of its own: Ctrl-C is for the supervisor, which stops the services in order.
  const child = spawn(process.execPath, ['--enable-source-maps', options.file], {
    env: options.env,
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await log.close();
  let left = false;
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      left = true;
      resolve({ code, signal });
    });
    // It could not be started at all: that is said below, when it is not ready.
    child.once('error', () => {
      left = true;
      resolve({ code: null, signal: null });
    });
  });
  const service: ServiceProcess = {
    name: options.name,
    pid: child.pid ?? -1,
    url: options.url,
    exited,
    kill(signal = 'SIGKILL') {
      if (!left) child.kill(signal);
    },
    async stop(deadlineMs = 20_000) {
      if (left) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      await exited;
      clearTimeout(timer);
    },
  };
  options.onSpawn?.(service);
  await waitUntilReady(service, options.logFile, () => left);
  return service;
}

async function waitUntilReady(service: ServiceProcess, logFile: string, hasLeft: () => boolean): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!hasLeft() && performance.now() < deadline) {
    if (await isReady(service.url)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
  service.kill();
  await service.exited;
  throw new Error(`${service.name} did not start. The end of ${logFile}:\n${await readEnd(logFile)}`);
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function readEnd(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const lines = (await handle.readFile('utf8')).trimEnd().split('\n');
    return lines.slice(-8).join('\n');
  } finally {
    await handle.close();
  }
}
