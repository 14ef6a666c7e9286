/** The worker as a process of its own: how it starts, and above all how it leaves. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createDatabase, type Database, migrate } from '@killfeed/db';
import { openTestDatabase } from '@killfeed/db/testing';
import { type PostgresServer, startPostgres } from '@killfeed/embedded';
import {
  countApplied,
  lastFirst,
  leftOut,
  openTestQueue,
  openTestRedis,
  planKills,
  type Scope,
  spawnWorker,
  statusOf,
  until,
  untilTaking,
  type WorkerProcess,
} from './testing.js';

const noRedis = await leftOut('redis');
const shared = await openTestDatabase();
after(() => shared.close());

const SHUTDOWN_TIMEOUT_MS = 2000;
const common = { NODE_ENV: 'test', SHUTDOWN_TIMEOUT_MS: String(SHUTDOWN_TIMEOUT_MS) };

/** A PostgreSQL that the test may kill. */
async function openOwnPostgres(scope: Scope): Promise<{ postgres: PostgresServer; database: Database }> {
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-worker-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), settings: { fsync: 'off' } });
  scope.after(() => postgres.stop());
  await migrate(postgres.url);
  const database = createDatabase({ url: postgres.url });
  scope.after(() => database.close());
  return { postgres, database };
}

/** Sends SIGTERM and tells how the worker left, and after how long. */
async function leave({ child, exited }: WorkerProcess): Promise<{ code: number | null; afterMs: number }> {
  const startedAt = performance.now();
  child.kill('SIGTERM');
  const { code } = await exited;
  return { code, afterMs: performance.now() - startedAt };
}

function assertInTime(afterMs: number): void {
  assert.ok(afterMs < SHUTDOWN_TIMEOUT_MS, `it took ${Math.round(afterMs)} of ${SHUTDOWN_TIMEOUT_MS} ms`);
}

describe('SIGTERM', () => {
  test('with everything up commits what was taken and exits with 0', { skip: noRedis }, async (t) => {
    const scope = lastFirst(t);
    const redis = await openTestRedis();
    scope.after(() => redis.stop());
    const queue = await openTestQueue(scope, { kind: 'redis', url: redis.url });
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: shared.url, REDIS_URL: redis.url });
    await untilTaking(worker, queue, shared.pool);
    const kills = await planKills(shared.pool, 500);
    await Promise.all(kills.map((kill) => queue.enqueue([kill])));
    await until('some are applied', async () => (await countApplied(shared.pool, kills)) > 0);
    const { code, afterMs } = await leave(worker);
    assert.equal(code, 0, worker.output());
    assertInTime(afterMs);
    const { active, wait = 0, waiting = wait } = await queue.countJobs();
    assert.equal(active, undefined);
    assert.equal((await countApplied(shared.pool, kills)) + waiting, 500);
  });

  test('while it has nothing to do exits with 0', async (t) => {
    const scope = lastFirst(t);
    const queue = await openTestQueue(scope, { kind: 'postgres', url: shared.url });
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: shared.url });
    await untilTaking(worker, queue, shared.pool);
    const { code, afterMs } = await leave(worker);
    assert.equal(code, 0, worker.output());
    assertInTime(afterMs);
  });

  test('with Redis down leaves in time', { skip: noRedis }, async (t) => {
    const scope = lastFirst(t);
    const redis = await openTestRedis();
    scope.after(() => redis.stop());
    const queue = await openTestQueue(scope, { kind: 'redis', url: redis.url });
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: shared.url, REDIS_URL: redis.url });
    await untilTaking(worker, queue, shared.pool);
    redis.kill();
    await redis.exited;
    await until('it notices', async () => (await statusOf(`${worker.url}/health/ready`)) === 503);
    const { code, afterMs } = await leave(worker);
    // 0 where BullMQ was between two calls and let go.
    assert.ok(code === 0 || code === 1, worker.output());
    assertInTime(afterMs);
  });

  test('with PostgreSQL down leaves in time, and what it holds stays in the queue', { skip: noRedis }, async (t) => {
    const scope = lastFirst(t);
    const redis = await openTestRedis();
    scope.after(() => redis.stop());
    const { postgres, database } = await openOwnPostgres(scope);
    const queue = await openTestQueue(scope, { kind: 'redis', url: redis.url });
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: postgres.url, REDIS_URL: redis.url });
    await untilTaking(worker, queue, database.pool);
    const kills = await planKills(database.pool, 10);
    postgres.kill();
    await postgres.exited;
    await queue.enqueue(kills);
    await until('the worker has taken the job', async () => (await queue.countJobs()).active === 1);
    const { code, afterMs } = await leave(worker);
    assert.equal(code, 1, worker.output());
    assertInTime(afterMs);
    assert.deepEqual(await queue.countJobs(), { active: 1 });
  });

  test('with the database down that is the queue too leaves in time', async (t) => {
    const scope = lastFirst(t);
    const { postgres, database } = await openOwnPostgres(scope);
    const queue = await openTestQueue(scope, { kind: 'postgres', url: postgres.url });
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: postgres.url });
    await untilTaking(worker, queue, database.pool);
    postgres.kill();
    await postgres.exited;
    await until('it notices', async () => (await statusOf(`${worker.url}/health/ready`)) === 503);
    const lives = await Promise.all(['/health', '/health/live', '/metrics'].map((path) => statusOf(worker.url + path)));
    assert.deepEqual(lives, [200, 200, 200]);
    const { afterMs } = await leave(worker);
    assertInTime(afterMs);
  });
});

describe('starting', () => {
  test('with wrong settings names all of them and exits with 1', async (t) => {
    const scope = lastFirst(t);
    const worker = await spawnWorker(scope, {
      KILLS_BATCH_MAX: '0',
      QUEUE_BACKEND: 'kafka',
      DATABASE_POOL_MAX: 'many',
    });
    assert.equal((await worker.exited).code, 1);
    for (const name of ['KILLS_BATCH_MAX', 'QUEUE_BACKEND', 'DATABASE_POOL_MAX', 'DATABASE_URL']) {
      assert.match(worker.output(), new RegExp(`^${name} `, 'm'));
    }
  });

  test('without a database says so in one line, without the password, and exits with 1', async (t) => {
    const scope = lastFirst(t);
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: 'postgresql://me:s3cret@127.0.0.1:1/game' });
    assert.equal((await worker.exited).code, 1);
    assert.match(worker.output(), /^kills-worker: connect ECONNREFUSED 127\.0\.0\.1:1\n$/);
  });

  test('on a port that is taken exits with 1 and takes no job', async (t) => {
    const scope = lastFirst(t);
    const database = await openTestDatabase();
    scope.after(() => database.close());
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    scope.after(() => new Promise((resolve) => squatter.close(resolve)));
    const queue = await openTestQueue(scope, { kind: 'postgres', url: database.url });
    await queue.enqueue(await planKills(database.pool, 1));
    const { port } = squatter.address() as AddressInfo;
    const worker = await spawnWorker(scope, { ...common, DATABASE_URL: database.url, WORKER_PORT: String(port) });
    assert.equal((await worker.exited).code, 1);
    assert.match(worker.output(), /EADDRINUSE/);
    const { active } = await queue.countJobs();
    assert.equal(active, undefined);
  });
});
