/** The whole product as child processes: PostgreSQL, queue, worker, API. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDatabase, type Database, directUrlFromEnv, migrate, seed } from '@killfeed/db';
import { type EmbeddedServer, findRedisServer, freePort, startPostgres, startRedis } from '@killfeed/embedded';
import { openQueueBackend } from '@killfeed/queue';
import { chooseQueue, type QueueChoice } from './choose-queue.js';
import { endFormerStack, forgetStack, noteStack } from './former-stack.js';
import { type ServiceProcess, startService } from './service-process.js';

export interface StackOptions {
  /** Where data and logs are kept. */
  readonly folder: string;
  /** Begin with an empty folder. */
  readonly fresh?: boolean;
  /** The API's port; default a free one. */
  readonly port?: number;
  /** Worker processes. Default 1. */
  readonly workers?: number;
  /** Seeded on the first start; default 1000 and 20000. */
  readonly heroes?: number;
  readonly enemies?: number;
  /** DATABASE_URL, REDIS_URL and QUEUE_BACKEND choose servers; the rest is handed on to the services. */
  readonly env: NodeJS.ProcessEnv;
  /** Told what is being done, in a few words. */
  readonly onProgress?: (step: string) => void;
}

export interface Stack {
  readonly folder: string;
  readonly url: string;
  readonly databaseUrl: string;
  readonly queue: QueueChoice;
  readonly api: ServiceProcess;
  /** Running workers, as they are now. */
  readonly workers: ServiceProcess[];
  /** The embedded servers; absent where somebody else's are used. */
  readonly postgres?: EmbeddedServer;
  readonly redis?: EmbeddedServer;
  /** A connection of the supervisor's own, for counting and auditing. */
  readonly database: Database;
  /** What the services were started with. */
  readonly env: NodeJS.ProcessEnv;
  /** Adds a worker process. */
  startWorker(): Promise<ServiceProcess>;
  /** API first, then workers, then servers. */
  stop(): Promise<void>;
}

/** How long somebody else's Redis is given to answer. */
const REDIS_ATTEMPTS_MAX = 20;
const REDIS_PAUSE_MS = 100;

const API_MAIN = fileURLToPath(import.meta.resolve('@killfeed/api/main'));
const WORKER_MAIN = fileURLToPath(import.meta.resolve('@killfeed/kills-worker/main'));

/**
 * Starts everything in order of need; when it resolves, the API answers.
 *
 * @throws with what to do, after everything that was started is stopped again
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder, onProgress = () => {} } = options;
  const opened: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    await endFormerStack(folder);
    if (options.fresh) await emptyFolder(folder, onProgress);
    await mkdir(folder, { recursive: true });
    const queue = await chooseQueue(options.env);
    await keepQueue(folder, queue);
    const postgres = options.env.DATABASE_URL ? undefined : await openPostgres(options);
    if (postgres !== undefined) opened.push(() => postgres.stop());
    const databaseUrl = postgres?.url ?? options.env.DATABASE_URL ?? '';
    const redis = queue.kind === 'redis' && !queue.redisUrl ? await openRedis(folder, onProgress) : undefined;
    if (redis !== undefined) opened.push(() => redis.stop());

    const env: NodeJS.ProcessEnv = {
      ...options.env,
      DATABASE_URL: databaseUrl,
      QUEUE_BACKEND: queue.kind,
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      // Somebody's other database is not to be migrated because its direct URL happens to be set.
      ...(postgres === undefined ? {} : { DATABASE_URL_DIRECT: '', DIRECT_URL: '', DATABASE_UNPOOLED_URL: '' }),
      HOST: 'localhost',
    };
    await writeEnvFile(folder, env);
    if (queue.redisUrl !== undefined) await requireRedis(queue.redisUrl);
    onProgress('migrating the database');
    await migrate(directUrlFromEnv(env)).catch((error) => {
      if (postgres !== undefined) throw error;
      throw new Error(
        `the database of DATABASE_URL: ${messageOf(error)} (without DATABASE_URL an embedded one is used)`,
      );
    });
    const database = createDatabase({ url: databaseUrl, applicationName: 'killfeed/stack', poolMax: 2 });
    opened.push(() => database.close());
    await seedOnce(database, options);

    const port = options.port ?? (await freePort());
    const url = `http://localhost:${port}`;
    const services: { pid: number; file: string }[] = [];
    const note = (service: ServiceProcess, file: string) => {
      services.push({ pid: service.pid, file });
      noteStack(folder, { url, services });
    };
    opened.push(async () => forgetStack(folder));

    const workers: ServiceProcess[] = [];
    const startWorker = async () => {
      const workerPort = await freePort();
      return startService({
        name: 'kills-worker',
        file: WORKER_MAIN,
        env: { ...env, WORKER_PORT: String(workerPort) },
        url: `http://localhost:${workerPort}`,
        logFile: join(folder, 'kills-worker.log'),
        onSpawn(worker) {
          workers.push(worker);
          note(worker, WORKER_MAIN);
        },
      });
    };
    onProgress('starting the worker and the API');
    opened.push(() => Promise.all(workers.map((worker) => worker.stop())));
    await Promise.all(Array.from({ length: options.workers ?? 1 }, startWorker));

    const api = await startService({
      name: 'api',
      file: API_MAIN,
      env: { ...env, PORT: String(port) },
      url,
      logFile: join(folder, 'api.log'),
      onSpawn(service) {
        opened.push(() => service.stop());
        note(service, API_MAIN);
      },
    });

    return {
      folder,
      url,
      databaseUrl,
      queue,
      api,
      workers,
      ...(postgres === undefined ? {} : { postgres }),
      ...(redis === undefined ? {} : { redis }),
      database,
      env,
      startWorker,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

// Kills may still be queued where the folder's last run had its queue; another queue would not know of them.
async function keepQueue(folder: string, { kind }: QueueChoice): Promise<void> {
  const file = join(folder, 'queue');
  const former = existsSync(file) ? (await readFile(file, 'utf8')).trim() : kind;
  if (former !== kind) {
    throw new Error(
      `the last run in ${folder} had its queue on ${former}, which may still hold kills: start with QUEUE_BACKEND=${former}, or delete ${file} to go on with ${kind}`,
    );
  }
  await writeFile(file, kind);
}

async function requireRedis(url: string): Promise<void> {
  const backend = await openQueueBackend({ kind: 'redis', url });
  try {
    for (let attempt = 1; attempt <= REDIS_ATTEMPTS_MAX; attempt++) {
      const answered = await backend.ping().then(
        () => true,
        () => false,
      );
      if (answered) return;
      await new Promise((resolve) => setTimeout(resolve, REDIS_PAUSE_MS));
    }
  } finally {
    await backend.close();
  }
  throw new Error('Redis at REDIS_URL does not answer: start it, or unset REDIS_URL');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

// For the command lines that work on a running stack. It carries the password of the embedded database.
async function writeEnvFile(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const names = ['DATABASE_URL', 'DATABASE_URL_DIRECT', 'QUEUE_BACKEND', 'REDIS_URL'];
  const lines = names.filter((name) => env[name]).map((name) => `${name}='${env[name]}'\n`);
  await writeFile(join(folder, 'env'), lines.join(''), { mode: 0o600 });
}

function openPostgres({ folder, onProgress }: StackOptions): Promise<EmbeddedServer> {
  onProgress?.('starting PostgreSQL');
  return startPostgres({ dataDir: join(folder, 'postgres'), onProgress });
}

// A server that a killed run left behind still writes into the folder: starting one there stops it first.
async function emptyFolder(folder: string, onProgress: StackOptions['onProgress']): Promise<void> {
  const postgres = join(folder, 'postgres');
  const redis = join(folder, 'redis');
  if (existsSync(join(postgres, 'postmaster.pid')))
    await (await startPostgres({ dataDir: postgres, onProgress })).stop();
  // Without the program there is none running either: it may have been removed since the last run.
  if (existsSync(redis) && (await findRedisServer()) !== null) await (await startRedis({ dataDir: redis })).stop();
  await rm(folder, { recursive: true, force: true });
}

function openRedis(folder: string, onProgress: (step: string) => void): Promise<EmbeddedServer> {
  onProgress('starting Redis');
  return startRedis({ dataDir: join(folder, 'redis') });
}

async function seedOnce(database: Database, { heroes = 1000, enemies = 20_000, onProgress }: StackOptions) {
  const { rows } = await database.pool.query<{ living: number }>(
    'SELECT count(*)::int AS living FROM enemies WHERE killed_by_hero_id IS NULL',
  );
  if ((rows[0]?.living ?? 0) > 0) return;
  onProgress?.(`seeding ${heroes} heroes and ${enemies} enemies`);
  await seed(database.pool, { heroes, enemies });
}
