import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { migrate } from '@killfeed/db';
import { type PostgresServer, startPostgres } from '@killfeed/embedded';
import { addHero, leftOut, openTestApi, type TestApi, type TestRedis, until } from './testing.js';

const newKill = () => ({ id: randomUUID(), heroId: randomUUID(), enemyId: randomUUID() });
const toLines = (kills: object[]) => kills.map((kill) => `${JSON.stringify(kill)}\n`).join('');
const newKills = (count: number) => Array.from({ length: count }, newKill);

function post(api: TestApi, payload: object | string, headers: Record<string, string> = {}) {
  const type = typeof payload === 'string' ? 'application/x-ndjson' : 'application/json';
  return api.app.inject({ method: 'POST', url: '/kills', payload, headers: { 'content-type': type, ...headers } });
}

type Answer = Awaited<ReturnType<typeof post>>;

async function assertUnavailable(request: Promise<Answer>, code = 'queue_unavailable'): Promise<Answer> {
  const startedAt = performance.now();
  const answer = await request;
  const took = performance.now() - startedAt;
  assert.deepEqual([answer.statusCode, answer.json().code], [503, code]);
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.ok(took < 3000, `within 3 s, not ${took} ms`);
  return answer;
}

async function untilAccepted(api: TestApi, payload: object): Promise<void> {
  await until('kills are accepted again', async () => [200, 202].includes((await post(api, payload)).statusCode));
}

const noRedis = await leftOut('redis');

describe('while Redis is away', { skip: noRedis }, () => {
  let api: TestApi;
  let redis: TestRedis;
  let port: number;
  before(async () => {
    api = await openTestApi('redis');
    assert.ok(api.redis);
    redis = api.redis;
    await api.app.listen({ port: 0, host: '127.0.0.1' });
    ({ port } = api.app.server.address() as AddressInfo);
  });
  after(() => api.close());

  const outages = {
    killed: {
      begin: async () => {
        redis.server.kill();
        await redis.server.exited;
      },
      end: () => redis.restart(),
    },
    frozen: {
      begin: async () => redis.server.kill('SIGSTOP'),
      end: async () => redis.server.kill('SIGCONT'),
    },
  };
  for (const [name, { begin, end }] of Object.entries(outages)) {
    test(`answers 503 in time while it is ${name}, and accepts the same kills after`, async () => {
      const [kill, keyed, waited, ...more] = newKills(6);
      assert.ok(kill && keyed && waited);
      await begin();
      try {
        const [stream] = await Promise.all([
          assertUnavailable(post(api, toLines(more))),
          assertUnavailable(post(api, kill)),
          assertUnavailable(post(api, { ...keyed, id: undefined }, { 'idempotency-key': keyed.id })),
          assertUnavailable(post(api, waited, { prefer: 'wait=20' })),
          assertUnavailable(post(api, more)),
          assertUnavailable(api.app.inject(`/kills/${kill.id}`)),
        ]);
        assert.equal(stream.json().accepted, 0);
        // Over a socket the request is over, and gone, before the queue is found to be away.
        const socket = await fetch(`http://127.0.0.1:${port}/kills`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-ndjson' },
          body: toLines(more),
        });
        const { code, accepted } = (await socket.json()) as { code: string; accepted: number };
        assert.deepEqual([socket.status, code, accepted], [503, 'queue_unavailable', 0]);
        const many = await Promise.all(newKills(2500).map((each) => post(api, each)));
        assert.deepEqual(new Set(many.map(({ statusCode }) => statusCode)), new Set([503]));
        const ready = await api.app.inject('/health/ready');
        assert.deepEqual([ready.statusCode, ready.json().checks], [503, { queue: 'down', database: 'up' }]);
        assert.equal((await api.app.inject('/heroes')).statusCode, 200);
      } finally {
        await end();
      }
      for (const each of [kill, keyed, waited]) await untilAccepted(api, each);
      const { accepted, duplicates } = (await post(api, more)).json();
      assert.equal(accepted + duplicates, more.length);
      await until('it is ready', async () => (await api.app.inject('/health/ready')).statusCode === 200);
      await api.settleAll();
      for (const { id } of [kill, keyed, waited, ...more]) {
        assert.equal((await api.app.inject(`/kills/${id}`)).json().status, 'rejected');
      }
    });
  }

  test('tells a stream that it cuts how many were accepted, while the client goes on sending', async () => {
    const before = await api.countQueued();
    const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/kills', agent: false });
    request.setHeader('content-type', 'application/x-ndjson');
    // The connection may be cut while the client still writes; what counts is that the answer came first.
    request.on('error', () => {});
    const kills = newKills(600);
    request.write(toLines(kills));
    await until('jobs carry the first 500', async () => (await api.countQueued()).jobs >= before.jobs + 3);
    redis.server.kill();
    await redis.server.exited;
    const lines = toLines(newKills(1000));
    let sending = true;
    const sendOn = () => {
      while (sending && request.write(lines));
    };
    request.on('drain', sendOn);
    sendOn();

    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const answer = JSON.parse(Buffer.concat(await response.toArray()).toString());
    sending = false;
    request.destroy();
    assert.deepEqual([response.statusCode, answer.code, answer.accepted], [503, 'queue_unavailable', 500]);
    assert.match(answer.detail, /500 items were accepted/);

    await redis.restart();
    await untilAccepted(api, newKill());
    assert.equal((await api.app.inject(answer.statusUrl)).json().total, 500);
    const again = (await post(api, toLines(kills))).json();
    assert.deepEqual([again.accepted + again.duplicates, again.rejectedCount], [600, 0]);
    await api.settleAll();
  });
});

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
