/** The one place that knows which store the queue is on. */
import {
  createPostgresBackend,
  type JobsOptions,
  type PostgresConnectionOptions,
  Queue,
  QueueEvents,
  runMigrations,
  Worker,
  withBackend,
} from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import pg from 'pg';
import { type KillsJob, QUEUE_NAME, WORKER_OPTIONS } from './kills-queue.js';
import type { Receipts } from './receipts.js';
import { createPostgresReceipts } from './receipts.postgres.js';
import { createRedisReceipts } from './receipts.redis.js';

export type QueueBackendKind = 'redis' | 'postgres';

export interface QueueBackendOptions {
  readonly kind: QueueBackendKind;
  /** `redis://...`, or the direct (unpooled: LISTEN) URL of the PostgreSQL database. */
  readonly url: string;
  /** Keys begin with it. Braces keep all of them on one node of a Redis Cluster. Default `{kills}`. */
  readonly prefix?: string;
  /** How long one call to the store may take, in ms. Default 1500. */
  readonly timeoutMs?: number;
  /** Told when the store goes away and when it is back: once a change, not once a try. */
  readonly onStateChange?: (state: 'up' | 'down', error?: Error) => void;
}

export interface QueueBackend {
  readonly kind: QueueBackendKind;
  readonly receipts: Receipts;
  /** @throws on PostgreSQL, when the database goes away meanwhile; the same holds for the other two */
  openQueue(): Promise<JobQueue>;
  openQueueEvents(): Promise<JobEvents>;
  /** @param process called with at most `concurrency` jobs at a time; a job is done when its promise resolves */
  openWorker(process: (job: KillsJob) => Promise<void>, concurrency: number): Promise<JobWorker>;
  /** @throws when the store does not answer in time */
  ping(): Promise<void>;
  /** Ends the connections that are not a queue's, worker's or event reader's own. Close those first. */
  close(): Promise<void>;
}

/** What is used of BullMQ's Queue. */
export interface JobQueue {
  addBulk(jobs: { name: string; data: KillsJob; opts: JobsOptions }[]): Promise<unknown>;
  getJobCounts(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** What is used of BullMQ's QueueEvents. */
export interface JobEvents {
  on(event: 'completed' | 'failed', listener: (job: { jobId: string }) => void): unknown;
  close(): Promise<void>;
}

/** What is used of BullMQ's Worker. */
export interface JobWorker {
  readonly isRunning: () => boolean;
  /** Stops taking jobs, and waits for those it has: without end if their store is gone, so give it a deadline. */
  close(): Promise<void>;
}

/** @throws on PostgreSQL, when the database cannot be reached: BullMQ's own tables are migrated here */
export function openQueueBackend(options: QueueBackendOptions): Promise<QueueBackend> {
  return options.kind === 'redis' ? Promise.resolve(openRedisBackend(options)) : openPostgresBackend(options);
}

function openRedisBackend(options: QueueBackendOptions): QueueBackend {
  const { url, prefix = '{kills}', timeoutMs = 1500, onStateChange } = options;
  const openRedis = (own: Omit<RedisOptions, 'replyMapping'>) =>
    new Redis(url, {
      // 0: IPv6 or IPv4, whichever the name has (Railway's private network).
      family: 0,
      connectTimeout: timeoutMs,
      retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, 2000) * (0.5 + Math.random() / 2),
      ...own,
    });
  // BullMQ asks for the version once, when it is made, and keeps a failure of that for ever.
  const skipVersionCheck = true;
  // For calls that somebody waits for: they fail at once while Redis is away, and in time while it hangs.
  const redis = openRedis({
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: timeoutMs,
  });
  reportState(redis, onStateChange);
  // For calls that wait for jobs and events: never given up, reconnected for ever.
  const blocking: Redis[] = [];
  const openBlocking = () => {
    const connection = openRedis({ maxRetriesPerRequest: null });
    connection.on('error', ignoreReported);
    blocking.push(connection);
    return connection;
  };
  return {
    kind: 'redis',
    receipts: createRedisReceipts(redis, prefix),
    openQueue: async () => quiet(new Queue(QUEUE_NAME, { connection: redis, prefix, skipVersionCheck })),
    openQueueEvents: async () =>
      quiet(new QueueEvents(QUEUE_NAME, { connection: openBlocking(), prefix, skipVersionCheck })),
    openWorker: async (process, concurrency) =>
      quiet(
        new Worker<KillsJob>(QUEUE_NAME, (job) => process(job.data), {
          connection: openBlocking(),
          prefix,
          skipVersionCheck,
          concurrency,
          ...WORKER_OPTIONS,
        }),
      ),
    async ping() {
      await redis.ping();
    },
    async close() {
      for (const connection of [redis, ...blocking]) connection.disconnect();
    },
  };
}

async function openPostgresBackend(options: QueueBackendOptions): Promise<QueueBackend> {
  const { url, timeoutMs = 1500 } = options;
  const report = onceAChange(options.onStateChange);
  const openPool = (max: number, queryTimeoutMs: number) => {
    const pool = new pg.Pool({
      connectionString: url,
      application_name: 'killfeed/queue',
      // BullMQ's tables are in a schema of its own, the receipts are ours.
      options: '-c search_path=bullmq,public',
      max,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: queryTimeoutMs,
      keepAlive: true,
    });
    pool.on('error', (error) => report('down', error));
    pool.on('connect', () => report('up'));
    // A connection that is lost while BullMQ holds it tells so by this event, which ends the process if nobody listens.
    pool.on('connect', (client) => client.on('error', ignoreReported));
    return pool;
  };
  const pool = openPool(10, timeoutMs);
  const pools = [pool];
  // Each reader keeps one connection for LISTEN.
  const openReaderPool = (max: number) => {
    const readerPool = openPool(max, 30_000);
    pools.push(readerPool);
    return readerPool;
  };
  const postgres = withBackend(createPostgresBackend);
  try {
    await migrateBullMq(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    kind: 'postgres',
    receipts: createPostgresReceipts(pool),
    openQueue: () => ready(new postgres.Queue(QUEUE_NAME, { connection: connectionOf(pool) })),
    openQueueEvents: () => ready(new postgres.QueueEvents(QUEUE_NAME, { connection: connectionOf(openReaderPool(2)) })),
    async openWorker(process, concurrency) {
      // Its loop, started before its connection is there, spins for ever on the failure of that connection.
      const worker = await ready(
        new postgres.Worker<KillsJob>(QUEUE_NAME, (job) => process(job.data), {
          connection: connectionOf(openReaderPool(6)),
          concurrency,
          autorun: false,
          ...WORKER_OPTIONS,
        }),
      );
      void worker.run().catch(ignoreReported);
      return worker;
    },
    async ping() {
      await pool.query('SELECT 1');
    },
    async close() {
      await Promise.all(pools.map((each) => each.end()));
    },
  };
}

// Under an advisory lock, which wants one connection for all of it.
async function migrateBullMq(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client);
  } finally {
    client.release();
  }
}

// BullMQ tells a pool by its methods; its type asks for less than pg's overloads give, in another order.
function connectionOf(pool: pg.Pool): PostgresConnectionOptions {
  return pool as unknown as PostgresConnectionOptions;
}

// BullMQ looks at its tables once, when it is made, and keeps a failure of that for ever.
async function ready<Opened extends Parameters<typeof quiet>[0] & { waitUntilReady(): Promise<unknown> }>(
  opened: Opened,
): Promise<Opened> {
  quiet(opened);
  await opened.waitUntilReady();
  return opened;
}

function reportState(redis: Redis, onStateChange: QueueBackendOptions['onStateChange']): void {
  const report = onceAChange(onStateChange);
  let lastError: Error | undefined;
  redis.on('error', (error) => {
    lastError = error;
  });
  redis.on('ready', () => report('up'));
  redis.on('close', () => report('down', lastError));
}

// However many connections tell of it.
function onceAChange(onStateChange: QueueBackendOptions['onStateChange']): NonNullable<typeof onStateChange> {
  let last: 'up' | 'down' | undefined;
  return (state, error) => {
    if (state !== last) onStateChange?.(state, error);
    last = state;
  };
}

// An emitter of 'error' without a listener ends the process; the state of the store is reported by reportState.
function quiet<Emitter extends { on(event: 'error', listener: (error: Error) => void): unknown }>(
  emitter: Emitter,
): Emitter {
  emitter.on('error', ignoreReported);
  return emitter;
}

function ignoreReported(): void {}
