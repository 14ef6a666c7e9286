import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leftOut, openTestApi, QUEUES, type TestApi } from '../testing.js';

for (const queue of QUEUES) {
  describe(`health (${queue})`, { skip: await leftOut(queue) }, () => {
    let api: TestApi;
    before(async () => {
      api = await openTestApi(queue);
    });
    after(() => api.close());

    test('says Healthy in plain text', async () => {
      const answer = await api.app.inject('/');
      assert.deepEqual([answer.statusCode, answer.body], [200, 'Healthy']);
      assert.match(String(answer.headers['content-type']), /^text\/plain/);
    });

    test('tells uptime and version', async () => {
      const { status, uptime, version } = (await api.app.inject('/health')).json();
      assert.deepEqual([status, version], ['ok', '0.0.0']);
      assert.ok(uptime > 0);
    });

    test('is alive', async () => {
      const answer = await api.app.inject('/health/live');
      assert.deepEqual([answer.statusCode, answer.json()], [200, { status: 'ok' }]);
    });

    test('is ready with queue and database', async () => {
      const answer = await api.app.inject('/health/ready');
      assert.deepEqual(
        [answer.statusCode, answer.json()],
        [200, { status: 'ok', draining: false, checks: { queue: 'up', database: 'up' } }],
      );
    });
  });
}
