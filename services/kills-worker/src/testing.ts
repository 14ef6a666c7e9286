/** For tests: a worker on a database and a queue of its own, in this process or as its own process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Database } from '@killfeed/db';
import type { Accepted, KillEnemy } from '@killfeed/domain';
import { type EmbeddedServer, findRedisServer, freePort, startRedis } from '@killfeed/embedded';
import { JOB_NAME, openQueueBackend, type QueueBackendKind, type QueueBackendOptions } from '@killfeed/queue';

type Pool = Database['pool'];

export const QUEUES: readonly QueueBackendKind[] = ['redis', 'postgres'];

/** Why tests of this queue are left out on this machine; false where they run. Never left out when everything is required. */
export async function leftOut(queue: QueueBackendKind): Promise<string | false> {
  if (queue === 'postgres' || process.env.KILLFEED_REQUIRE === 'all') return false;
  if ((await findRedisServer()) !== null) return false;
  const reason = 'NOT tested on Redis: no redis-server on the PATH (Debian: apt-get install redis-server)';
  console.error(`LEFT OUT: ${reason}`);
  return reason;
}

/** @throws where there is no Redis; ask `leftOut` first */
export async function openTestRedis(): Promise<EmbeddedServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'killfeed-redis-'));
  const redis = await startRedis({ dataDir });
  return {
    ...redis,
    async stop() {
      await redis.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** What a test has opened and closes at its end. */
export interface Scope {
  after(close: () => unknown): void;
}

/** Closes in reverse order, where `t.after` by itself would begin with what was opened first. */
export function lastFirst(t: TestContext): Scope {
  const closers: (() => unknown)[] = [];
  t.after(async () => {
    for (const close of closers.reverse()) await close();
  });
  return { after: (close) => closers.push(close) };
}

export interface TestQueue {
  /** One job with these commands, and their receipts. */
  enqueue(accepted: readonly Accepted[], version?: number): Promise<void>;
  /** Jobs by state, without the states that have none. */
  countJobs(): Promise<Record<string, number>>;
  countReceipts(ids: readonly string[]): Promise<number>;
}

/** A way into the queue, beside the worker's own; closed with the test. */
export async function openTestQueue(scope: Scope, options: QueueBackendOptions): Promise<TestQueue> {
  const backend = await openQueueBackend(options);
  // On Redis it opens before it is connected.
  const answers = () =>
    backend.ping().then(
      () => true,
      () => false,
    );
  await until('the queue answers', answers);
  const queue = await backend.openQueue();
  scope.after(async () => {
    await queue.close();
    await backend.close();
  });
  return {
    async enqueue(accepted, version = 1) {
      const ids = accepted.map(({ command }) => command.id);
      await backend.receipts.reserve(accepted);
      const opts = { jobId: randomUUID(), attempts: 20, backoff: 500, removeOnComplete: true };
      await queue.addBulk([{ name: JOB_NAME, data: { version: version as 1, accepted }, opts }]);
      await backend.receipts.markQueued(ids);
    },
    async countJobs() {
      const counts = await queue.getJobCounts();
      return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
    },
    async countReceipts(ids) {
      return (await backend.receipts.findHeld(ids)).size;
    },
  };
}

/** One hero, and a kill of its own for each of as many new enemies. */
export async function planKills(pool: Pool, count: number, level = 1): Promise<Accepted<KillEnemy>[]> {
  const heroId = randomUUID();
  await pool.query("INSERT INTO heroes (id, name) VALUES ($1, 'hero')", [heroId]);
  const enemyIds = Array.from({ length: count }, () => randomUUID());
  await pool.query(
    `INSERT INTO enemies (id, name, level, enemy_type) SELECT id, 'enemy', $2, 'ORC' FROM unnest($1::uuid[]) AS id`,
    [enemyIds, level],
  );
  return enemyIds.map((enemyId) => ({
    command: { type: 'KillEnemy', id: randomUUID(), heroId, enemyId },
    payloadHash: enemyId,
    acceptedAt: new Date().toISOString(),
  }));
}

export function idsOf(accepted: readonly Accepted[]): string[] {
  return accepted.map(({ command }) => command.id);
}

export async function countApplied(pool: Pool, accepted: readonly Accepted[]): Promise<number> {
  const { rowCount } = await pool.query('SELECT FROM kills WHERE id = ANY($1)', [idsOf(accepted)]);
  return rowCount ?? 0;
}

/** Looks until the condition holds. @throws when it does not in time, with what was looked for */
export async function until(what: string, holds: () => Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Everything written until now. */
  readonly output: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** The compiled main file as its own process; killed with the test. Not waited for: see `untilTaking`. */
export async function spawnWorker(scope: Scope, env: NodeJS.ProcessEnv): Promise<WorkerProcess> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.js')], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', WORKER_PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  scope.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return { child, url: `http://127.0.0.1:${port}`, output: () => output, exited };
}

export async function statusOf(url: string): Promise<number> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

/** Also shows that the intake stands: readiness looks at the stores only. */
export async function untilTaking(worker: WorkerProcess, queue: TestQueue, pool: Pool): Promise<void> {
  const [kill] = await planKills(pool, 1);
  if (kill === undefined) throw new Error('no kill was planned');
  await queue.enqueue([kill]);
  await until('the worker takes kills', async () => {
    if (worker.child.exitCode !== null) throw new Error(`the worker left:\n${worker.output()}`);
    return (await countApplied(pool, [kill])) === 1;
  });
  await until('the worker is ready', async () => (await statusOf(`${worker.url}/health/ready`)) === 200);
}
