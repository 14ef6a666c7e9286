/**
 * For tests: the API on a database of its own and on either queue. No worker runs beside it, so that a test decides
 * when a kill is still queued; `settleAll` and `startWorker` do a worker's work.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyKillEvents, applyKills, createDatabase } from '@killfeed/db';
import { openTestDatabase, type TestDatabase } from '@killfeed/db/testing';
import type { Accepted, EnemyType, KillEnemy, RecordKillEvent } from '@killfeed/domain';
import { type EmbeddedServer, findRedisServer, startRedis } from '@killfeed/embedded';
import { createLogger } from '@killfeed/observability';
import {
  type JobWorker,
  type KillsJob,
  openQueueBackend,
  type QueueBackend,
  type QueueBackendKind,
} from '@killfeed/queue';
import type { FastifyInstance } from 'fastify';
import { Redis } from 'ioredis';
import { parseConfig } from './config.js';
import { openResources } from './resources.js';

export const QUEUES: readonly QueueBackendKind[] = ['redis', 'postgres'];

/** Why tests of this queue are left out here; false where they run. Never left out when everything is required. */
export async function leftOut(queue: QueueBackendKind): Promise<string | false> {
  if (queue === 'postgres' || process.env.KILLFEED_REQUIRE === 'all') return false;
  if ((await findRedisServer()) !== null) return false;
  return 'no redis-server on the PATH (Debian: apt-get install redis-server)';
}

export interface TestApiOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A migrated database on a server that the test wants to stop. Default: one of its own on the shared server. */
  readonly databaseUrl?: string;
}

export interface TestApi {
  readonly app: FastifyInstance;
  readonly database: TestDatabase;
  /** A second way into the queue, beside the API's own. */
  readonly backend: QueueBackend;
  /** The server of a queue on Redis, for tests of its end. */
  readonly redis?: TestRedis;
  /** Jobs in any state, and receipts. */
  countQueued(): Promise<{ jobs: number; receipts: number }>;
  /** Brings everything queued to its outcome, as a worker would. */
  settleAll(): Promise<void>;
  startWorker(): Promise<JobWorker>;
  close(): Promise<void>;
}

export async function openTestApi(queue: QueueBackendKind, options: TestApiOptions = {}): Promise<TestApi> {
  const database = options.databaseUrl === undefined ? await openTestDatabase() : openAt(options.databaseUrl);
  const redis = queue === 'redis' ? await openTestRedis() : undefined;
  const config = parseConfig({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    QUEUE_BACKEND: queue,
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    ...options.env,
  });
  const resources = await openResources(config, createLogger({ service: 'api', level: 'silent' }), '0.0.0');
  const { app } = resources;
  await until('the API is ready', async () => (await app.inject('/health/ready')).statusCode === 200);
  const backend = await openQueueBackend({ kind: queue, url: redis?.url ?? database.url, timeoutMs: 5000 });
  await until('the queue answers', () =>
    backend.ping().then(
      () => true,
      () => false,
    ),
  );
  const jobs = await backend.openQueue();

  async function countJobs(): Promise<number> {
    return Object.values(await jobs.getJobCounts()).reduce((sum, count) => sum + count, 0);
  }

  const startWorker = () => backend.openWorker((job) => settle(database, backend, job), 4);

  return {
    app,
    database,
    backend,
    ...(redis === undefined ? {} : { redis }),
    startWorker,
    async countQueued() {
      return { jobs: await countJobs(), receipts: await (redis?.countReceipts() ?? countReceiptRows(database)) };
    },
    async settleAll() {
      const worker = await startWorker();
      try {
        // After an outage the connection may be a moment later than the API's.
        await until('nothing is queued', async () => (await countJobs().catch(() => -1)) === 0);
      } finally {
        await worker.close();
      }
    },
    async close() {
      await resources.close();
      await jobs.close();
      await backend.close();
      await redis?.close();
      await database.close();
    },
  };
}

function openAt(url: string): TestDatabase {
  return { ...createDatabase({ url, applicationName: 'killfeed/test' }), url };
}

export interface TestRedis {
  readonly url: string;
  /** The one that runs now. */
  readonly server: EmbeddedServer;
  /** Starts again where the former one was, with its data. */
  restart(): Promise<void>;
  countReceipts(): Promise<number>;
  close(): Promise<void>;
}

async function openTestRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-api-'));
  let server = await startRedis({ dataDir: join(folder, 'redis') });
  const client = new Redis(server.url, { retryStrategy: () => 50 });
  client.on('error', () => {});
  return {
    url: server.url,
    get server() {
      return server;
    },
    async restart() {
      await server.exited;
      server = await startRedis({ dataDir: join(folder, 'redis'), port: server.port });
    },
    countReceipts: async () => (await client.keys('*:receipt:*')).length,
    async close() {
      client.disconnect();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function countReceiptRows({ pool }: TestDatabase): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('SELECT count(*)::int FROM queue_receipts');
  return rows[0]?.count ?? 0;
}

async function settle({ pool }: TestDatabase, backend: QueueBackend, { accepted }: KillsJob): Promise<void> {
  const kills = accepted.filter((each): each is Accepted<KillEnemy> => each.command.type === 'KillEnemy');
  const events = accepted.filter((each): each is Accepted<RecordKillEvent> => each.command.type === 'RecordKillEvent');
  if (kills.length > 0) await applyKills(pool, kills, 1);
  if (events.length > 0) await applyKillEvents(pool, events);
  await backend.receipts.drop(accepted.map(({ command }) => command.id));
}

export async function addHero({ database }: TestApi, hero: { name?: string; level?: number; kills?: number } = {}) {
  const id = randomUUID();
  const { name = 'Edda', level = 1, kills = 0 } = hero;
  await database.pool.query('INSERT INTO heroes (id, name, level, enemies_killed_amount) VALUES ($1, $2, $3, $4)', [
    id,
    name,
    level,
    kills,
  ]);
  return id;
}

export async function addEnemy(
  { database }: TestApi,
  enemy: { name?: string; level?: number; type?: EnemyType } = {},
): Promise<string> {
  const id = randomUUID();
  const { name = 'Grim', level = 5, type = 'ORC' } = enemy;
  await database.pool.query('INSERT INTO enemies (id, name, level, enemy_type) VALUES ($1, $2, $3, $4)', [
    id,
    name,
    level,
    type,
  ]);
  return id;
}

/** A kill that the rules allow, of a hero and an enemy of its own. */
export async function newKill(api: TestApi) {
  return { id: randomUUID(), heroId: await addHero(api), enemyId: await addEnemy(api) };
}

/** Follows `Link: rel="next"` from page to page. */
export async function listPages<Row>(api: TestApi, url: string): Promise<Row[][]> {
  const answer = await api.app.inject(url);
  const next = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers.link ?? ''))?.[1];
  return next === undefined ? [answer.json()] : [answer.json(), ...(await listPages<Row>(api, next))];
}

/** Looks until the condition holds. @throws when it does not in time, with what was looked for */
export async function until(what: string, holds: () => Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
