import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { assertUnavailable, newKill, newKills, post, toLines, untilAccepted } from './outage.test-support.js';
import { leftOut, openTestApi, type TestApi, type TestRedis, until } from './testing.js';

describe('while Redis is away', { skip: await leftOut('redis') }, () => {
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
      // A connection that is gone is known to be gone; nothing has to be waited for.
      withinMs: 500,
      begin: async () => {
        redis.server.kill();
        await redis.server.exited;
      },
      end: () => redis.restart(),
    },
    frozen: {
      withinMs: 3000,
      begin: async () => redis.server.kill('SIGSTOP'),
      end: async () => redis.server.kill('SIGCONT'),
    },
  };
  for (const [name, { withinMs, begin, end }] of Object.entries(outages)) {
    test(`answers 503 in time while it is ${name}, and accepts the same kills after`, async () => {
      const [kill, keyed, waited, ...more] = newKills(6);
      assert.ok(kill && keyed && waited);
      await begin();
      try {
        const startedAt = performance.now();
        await assertUnavailable(post(api, kill));
        assert.ok(performance.now() - startedAt < withinMs, `within ${withinMs} ms`);
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
