import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { migrate } from '@killfeed/db';
import { type PostgresServer, startPostgres } from '@killfeed/embedded';
import { assertUnavailable, newKill, newKills, post, toLines, untilAccepted } from './outage.test-support.js';
import { addHero, leftOut, openTestApi, until } from './testing.js';

const noRedis = await leftOut('redis');

describe('while the database is away', () => {
  let folder: string;
  let postgres: PostgresServer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'killfeed-api-'));
    postgres = await startPostgres({ dataDir: join(folder, 'postgres'), settings: { fsync: 'off' } });
    await migrate(postgres.url);
  });
  after(async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function killPostgres(): Promise<void> {
    postgres.kill();
    await postgres.exited;
  }

  async function restartPostgres(): Promise<void> {
    const { port } = postgres;
    postgres = await startPostgres({ dataDir: join(folder, 'postgres'), port, settings: { fsync: 'off' } });
  }

  test('accepts on Redis, and the ledger catches up when it is back', { skip: noRedis }, async (t) => {
    const api = await openTestApi('redis', { databaseUrl: postgres.url });
    t.after(() => api.close());
    const heroId = await addHero(api);
    const kill = newKill();
    const settled = newKill();
    await post(api, settled);
    await api.settleAll();
    await killPostgres();

    assert.equal((await post(api, kill)).statusCode, 202);
    assert.equal((await post(api, kill)).statusCode, 202);
    assert.equal((await post(api, { ...kill, heroId })).statusCode, 409);
    const bulk = await post(api, newKills(20));
    assert.deepEqual([bulk.statusCode, bulk.json().accepted], [202, 20]);
    const stream = await post(api, toLines(newKills(1200)));
    assert.deepEqual([stream.statusCode, stream.json().accepted], [202, 1200]);
    assert.equal((await api.app.inject(`/kills/${kill.id}`)).json().status, 'queued');
    const waited = await post(api, newKill(), { prefer: 'wait=1' });
    assert.equal(waited.statusCode, 202);

    for (const url of [
      '/heroes',
      '/enemies',
      `/heroes/${heroId}`,
      '/kills',
      '/killboard/players/asia/x',
      `/kills/${settled.id}`,
      bulk.json().statusUrl,
    ]) {
      await assertUnavailable(api.app.inject(url), 'database_unavailable');
    }
    const ready = await api.app.inject('/health/ready');
    assert.deepEqual([ready.statusCode, ready.json().status], [200, 'degraded']);

    await restartPostgres();
    for (const [{ statusUrl }, total] of [
      [bulk.json(), 20],
      [stream.json(), 1200],
    ] as const) {
      const batch = () => api.app.inject(statusUrl);
      await until('the ledger has caught up', async () => (await batch()).statusCode === 200);
      await until('all of the batch is written down', async () => (await batch()).json().total === total);
    }
    await api.settleAll();
    assert.deepEqual((await api.app.inject(stream.json().statusUrl)).json().rejected, 1200);
    assert.equal((await api.app.inject(`/kills/${kill.id}`)).json().status, 'rejected');
  });

  test('answers 503 where it is the queue too, and accepts again after', async (t) => {
    const api = await openTestApi('postgres', { databaseUrl: postgres.url });
    t.after(() => api.close());
    const [kill, ...more] = newKills(4);
    assert.ok(kill);
    await killPostgres();

    await assertUnavailable(post(api, kill));
    await assertUnavailable(post(api, more));
    const stream = await assertUnavailable(post(api, toLines(more)));
    assert.equal(stream.json().accepted, 0);
    await assertUnavailable(api.app.inject('/heroes'), 'database_unavailable');
    const ready = await api.app.inject('/health/ready');
    assert.deepEqual([ready.statusCode, ready.json().status], [503, 'unavailable']);
    assert.equal((await api.app.inject('/health/live')).statusCode, 200);

    await restartPostgres();
    await untilAccepted(api, kill);
    const { accepted, duplicates } = (await post(api, more)).json();
    assert.equal(accepted + duplicates, 3);
    await api.settleAll();
    assert.equal((await api.app.inject(`/kills/${kill.id}`)).json().status, 'rejected');
  });

  test('answers 503 in time where it is the queue too and frozen', async (t) => {
    const api = await openTestApi('postgres', { databaseUrl: postgres.url });
    t.after(() => api.close());
    const kill = newKill();
    postgres.kill('SIGSTOP');
    try {
      await assertUnavailable(post(api, kill));
      await assertUnavailable(post(api, newKills(3)));
    } finally {
      postgres.kill('SIGCONT');
    }
    await untilAccepted(api, kill);
  });
});
