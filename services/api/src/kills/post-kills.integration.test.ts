import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addEnemy, addHero, leftOut, newKill, openTestApi, QUEUES, type TestApi } from '../testing.js';

for (const queue of QUEUES) {
  describe(`POST /kills (${queue})`, { skip: await leftOut(queue) }, () => {
    let api: TestApi;
    before(async () => {
      api = await openTestApi(queue);
    });
    after(() => api.close());
    const post = (payload: object, headers: Record<string, string> = {}) =>
      api.app.inject({ method: 'POST', url: '/kills', payload, headers });
    const receiptOf = async (id: string) => (await api.app.inject(`/kills/${id}`)).json();

    describe('202', () => {
      test('answers 202 with a Location for a new kill', async () => {
        const kill = await newKill(api);
        const answer = await post(kill);
        const statusUrl = `/kills/${kill.id}`;
        assert.equal(answer.statusCode, 202);
        assert.equal(answer.headers.location, statusUrl);
        assert.deepEqual(answer.json(), { id: kill.id, status: 'queued', statusUrl });
      });

      test('makes an id where the client has none', async () => {
        const { id: _, ...kill } = await newKill(api);
        const { id } = (await post(kill)).json();
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
        assert.equal((await receiptOf(id)).status, 'queued');
      });

      test('takes the id from the Idempotency-Key header', async () => {
        const { id, ...kill } = await newKill(api);
        const answer = await post(kill, { 'idempotency-key': `"${id.toUpperCase()}"` });
        assert.deepEqual([answer.statusCode, answer.json().id], [202, id]);
      });

      test('answers 202 to a repeat while the kill is queued, in any spelling of its UUIDs', async () => {
        const kill = await newKill(api);
        await post(kill);
        assert.equal((await post(kill)).statusCode, 202);
        const upper = Object.fromEntries(Object.entries(kill).map(([key, id]) => [key, id.toUpperCase()]));
        assert.equal((await post(upper)).statusCode, 202);
      });

      test('makes one kill of 50 parallel posts of one id', async () => {
        const kill = await newKill(api);
        const answers = await Promise.all(Array.from({ length: 50 }, () => post(kill)));
        assert.deepEqual(new Set(answers.map(({ statusCode }) => statusCode)), new Set([202]));
        await api.settleAll();
        const { rows } = await api.database.pool.query(
          'SELECT kills.id, experience FROM kills JOIN heroes ON heroes.id = hero_id WHERE hero_id = $1',
          [kill.heroId],
        );
        assert.deepEqual(rows, [{ id: kill.id, experience: 50 }]);
      });
    });

    describe('200', () => {
      test('answers a repeat of an applied kill with its receipt', async () => {
        const kill = await newKill(api);
        await post(kill);
        await api.settleAll();
        const answer = await post(kill);
        assert.equal(answer.statusCode, 200);
        assert.equal(answer.headers.location, `/kills/${kill.id}`);
        assert.deepEqual(answer.json(), await receiptOf(kill.id));
        assert.equal(answer.json().status, 'applied');
        assert.deepEqual(await api.countQueued(), { jobs: 0, receipts: 0 });
      });

      test('answers a repeat of a rejected kill with its receipt', async () => {
        const kill = { ...(await newKill(api)), heroId: randomUUID() };
        await post(kill);
        await api.settleAll();
        const answer = await post(kill);
        assert.deepEqual([answer.statusCode, answer.json().status], [200, 'rejected']);
      });
    });

    describe('409', () => {
      const others = {
        heroId: randomUUID(),
        enemyId: randomUUID(),
        enemyType: 'TROLL',
        occurredAt: '2026-01-01T00:00:00Z',
      };
      for (const [field, other] of Object.entries(others)) {
        test(`answers id_conflict when the id stands for another ${field}, queued or applied`, async () => {
          const kill = await newKill(api);
          await post(kill);
          await assertConflict(await post({ ...kill, [field]: other }));
          await api.settleAll();
          await assertConflict(await post({ ...kill, [field]: other }));
          assert.equal((await post(kill)).statusCode, 200);
          assert.equal((await receiptOf(kill.id)).heroId, kill.heroId);
          assert.deepEqual(await api.countQueued(), { jobs: 0, receipts: 0 });
        });
      }

      test('answers id_conflict when the id stands for a rejected kill', async () => {
        const kill = { ...(await newKill(api)), enemyId: randomUUID() };
        await post(kill);
        await api.settleAll();
        await assertConflict(await post({ ...kill, heroId: randomUUID() }));
      });

      test('gives an id to one of two payloads posted at once', async () => {
        const kill = await newKill(api);
        const answers = await Promise.all([post(kill), post({ ...kill, heroId: await addHero(api) })]);
        assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [202, 409]);
      });
    });

    describe('receipts', () => {
      test('tells a queued kill as it was sent', async () => {
        const kill = { ...(await newKill(api)), enemyType: 'ORC', occurredAt: '2026-11-21T12:00:00+02:00' };
        await post(kill);
        const { acceptedAt, ...receipt } = await receiptOf(kill.id);
        assert.deepEqual(receipt, { ...kill, status: 'queued' });
        assert.ok(Math.abs(Date.now() - Date.parse(acceptedAt)) < 10_000);
      });

      test('tells an applied kill with what the hero gained', async () => {
        const heroId = await addHero(api);
        const kill = { id: randomUUID(), heroId, enemyId: await addEnemy(api, { level: 25, type: 'TROLL' }) };
        await post(kill);
        await api.settleAll();
        const { acceptedAt, appliedAt, acceptedToAppliedMs, ...receipt } = await receiptOf(kill.id);
        assert.deepEqual(receipt, {
          ...kill,
          status: 'applied',
          enemyType: 'TROLL',
          occurredAt: null,
          experienceGained: 250,
          levelBefore: 1,
          levelAfter: 2,
          attempts: 1,
        });
        assert.equal(Date.parse(appliedAt) - Date.parse(acceptedAt), acceptedToAppliedMs);
      });

      test('tells a rejected kill with the reason', async () => {
        const kill = { ...(await newKill(api)), enemyType: 'DRAGON' };
        await post(kill);
        await api.settleAll();
        const receipt = await receiptOf(kill.id);
        assert.equal(receipt.status, 'rejected');
        assert.equal(receipt.reason.code, 'enemy_type_mismatch');
      });

      test('answers 404 for an id that was never accepted', async () => {
        const answer = await api.app.inject(`/kills/${randomUUID()}`);
        assert.deepEqual([answer.statusCode, answer.json().code], [404, 'not_found']);
      });
    });

    async function assertConflict(answer: Awaited<ReturnType<typeof post>>): Promise<void> {
      assert.deepEqual([answer.statusCode, answer.json().code], [409, 'id_conflict']);
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    }
  });
}
