/** The whole worker in this process, on a real PostgreSQL and on either queue. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, type TestContext, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@killfeed/db/testing';
import type { Accepted, RecordKillEvent } from '@killfeed/domain';
import { createLogger } from '@killfeed/observability';
import { parseConfig } from './config.js';
import { openResources, type Resources } from './resources.js';
import {
  countApplied,
  idsOf,
  lastFirst,
  leftOut,
  openTestQueue,
  openTestRedis,
  planKills,
  QUEUES,
  type TestQueue,
  until,
} from './testing.js';

interface TestWorker {
  readonly database: TestDatabase;
  readonly queue: TestQueue;
  readonly health: Resources['health'];
  /** Also done at the end of the test. */
  close(): Promise<void>;
}

for (const kind of QUEUES) {
  const skip = await leftOut(kind);
  const redis = kind === 'redis' && skip === false ? await openTestRedis() : undefined;
  after(() => redis?.stop());

  const openTestWorker = async (t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<TestWorker> => {
    const scope = lastFirst(t);
    const database = await openTestDatabase();
    scope.after(() => database.close());
    const config = parseConfig({
      NODE_ENV: 'test',
      DATABASE_URL: database.url,
      QUEUE_BACKEND: kind,
      QUEUE_PREFIX: `{${randomUUID()}}`,
      WORKER_PORT: '0',
      HOST: '127.0.0.1',
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      ...env,
    });
    const queue = await openTestQueue(scope, config.queue);
    const resources = await openResources(config, createLogger({ service: 'test', level: 'silent' }), '1.2.3');
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= resources.close();
      return closing;
    };
    scope.after(close);
    return { database, queue, health: resources.health, close };
  };

  describe(`the worker on ${kind}`, { skip }, () => {
    test('applies the commands of its jobs, ends the jobs and drops the receipts', async (t) => {
      const { database, queue } = await openTestWorker(t);
      const jobs = await Promise.all([1, 20, 60].map((count) => planKills(database.pool, count)));
      for (const job of jobs) await queue.enqueue(job);
      const kills = jobs.flat();
      await until('all jobs have ended', async () => Object.keys(await queue.countJobs()).length === 0);
      assert.equal(await countApplied(database.pool, kills), 81);
      assert.equal(await queue.countReceipts(idsOf(kills)), 0);
    });

    test('puts a kill that cannot be stored away and applies the others of its job', async (t) => {
      const { database, queue } = await openTestWorker(t);
      const good = await planKills(database.pool, 19);
      const [poison] = await planKills(database.pool, 1, 2 ** 31 - 1);
      assert.ok(poison);
      await queue.enqueue([...good.slice(0, 7), poison, ...good.slice(7)]);
      await until('the job has ended', async () => Object.keys(await queue.countJobs()).length === 0);
      assert.equal(await countApplied(database.pool, good), 19);
      const { rows } = await database.pool.query('SELECT id, class, sql_state, command FROM dead_letters');
      assert.deepEqual(rows, [{ id: poison.command.id, class: 'data', sql_state: '22003', command: poison }]);
    });

    test('records killboard events, and kills of the same job', async (t) => {
      const { database, queue } = await openTestWorker(t);
      const kills = await planKills(database.pool, 3);
      await queue.enqueue([...kills, killEvent()]);
      await until('the job has ended', async () => Object.keys(await queue.countJobs()).length === 0);
      assert.equal(await countApplied(database.pool, kills), 3);
      const { rows } = await database.pool.query('SELECT id, kills, deaths FROM players ORDER BY id');
      assert.deepEqual(rows, [
        { id: 'Kay', kills: 1, deaths: 0 },
        { id: 'Vee', kills: 0, deaths: 1 },
      ]);
    });

    test('applies a job that is offered twice once', async (t) => {
      const { database, queue, health } = await openTestWorker(t);
      const kills = await planKills(database.pool, 10);
      await Promise.all([1, 2, 3].map(() => queue.enqueue(kills)));
      await until('all jobs have ended', async () => Object.keys(await queue.countJobs()).length === 0);
      const { rows } = await database.pool.query('SELECT DISTINCT enemies_killed_amount FROM heroes');
      assert.deepEqual(rows, [{ enemies_killed_amount: 10 }]);
      assert.match((await health.inject('/metrics')).body, outcomes('duplicate', 20));
    });

    test('keeps a job of a version that it does not know', async (t) => {
      const { database, queue } = await openTestWorker(t);
      const kills = await planKills(database.pool, 2);
      await queue.enqueue(kills, 2);
      await until('its first attempt failed', async () => (await queue.countJobs()).delayed === 1);
      assert.equal(await countApplied(database.pool, kills), 0);
      assert.equal(await queue.countReceipts(idsOf(kills)), 2);
    });

    test('commits what it took before it closes, and leaves the rest in the queue', async (t) => {
      const { database, queue, close } = await openTestWorker(t, { KILLS_WORKER_CONCURRENCY: '4' });
      const kills = await planKills(database.pool, 300);
      for (const kill of kills) await queue.enqueue([kill]);
      await close();
      const left = await queue.countJobs();
      const applied = await countApplied(database.pool, kills);
      assert.equal(left.active, undefined);
      assert.equal(applied + (left.waiting ?? left.wait ?? 0), 300);
      const unsettled = await queue.countReceipts(idsOf(kills));
      assert.equal(applied + unsettled, 300);
    });

    test('answers what it is, that it lives and that it can work', async (t) => {
      const { health } = await openTestWorker(t);
      await until('it is ready', async () => (await health.inject('/health/ready')).statusCode === 200);
      const [health200, live, ready] = await Promise.all(
        ['/health', '/health/live', '/health/ready'].map((path) => health.inject(path)),
      );
      assert.deepEqual([health200?.statusCode, health200?.json().version], [200, '1.2.3']);
      assert.deepEqual([live?.statusCode, live?.json()], [200, { status: 'ok' }]);
      const checks = { database: 'up', queue: 'up', intake: 'up' };
      assert.deepEqual([ready?.statusCode, ready?.json()], [200, { status: 'ok', draining: false, checks }]);
    });

    test('counts outcomes in its metrics', async (t) => {
      const { database, queue, health } = await openTestWorker(t);
      assert.doesNotMatch((await health.inject('/metrics')).body, /killfeed_worker_outcomes_total\{/);
      const kills = await planKills(database.pool, 5);
      const stranger = { ...kills[0], command: { ...kills[0]?.command, id: randomUUID(), heroId: randomUUID() } };
      await queue.enqueue([...kills, stranger as Accepted]);
      await until('the job has ended', async () => Object.keys(await queue.countJobs()).length === 0);
      const { body, headers } = await health.inject('/metrics');
      assert.match(String(headers['content-type']), /^text\/plain/);
      assert.match(body, outcomes('applied', 5));
      assert.match(body, outcomes('rejected', 1));
      assert.match(body, /killfeed_worker_commit_commands_sum\{[^}]*command="KillEnemy"[^}]*\} 6\n/);
      assert.match(body, /killfeed_worker_pending_commands\{[^}]*\} 0\n/);
    });
  });
}

function outcomes(status: string, count: number): RegExp {
  return new RegExp(`killfeed_worker_outcomes_total\\{[^}]*status="${status}"[^}]*\\} ${count}\n`);
}

function killEvent(): Accepted<RecordKillEvent> {
  const player = (id: string) => ({ id, name: id, guild: null, alliance: null });
  const [killer, victim] = [player('Kay'), player('Vee')];
  const occurredAt = '2026-11-20T12:00:00Z';
  const facts = { server: 'asia' as const, eventId: 1, occurredAt, fame: 5, killer, victim, event: {} };
  const command: RecordKillEvent = { type: 'RecordKillEvent', id: randomUUID(), ...facts };
  return { command, payloadHash: command.id, acceptedAt: occurredAt };
}
