import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { JobWorker } from '@killfeed/queue';
import { addEnemy, addHero, leftOut, newKill, openTestApi, QUEUES, type TestApi } from '../testing.js';

for (const queue of QUEUES) {
  const skip = await leftOut(queue);

  describe(`kills that are waited for (${queue})`, { skip }, () => {
    let api: TestApi;
    let worker: JobWorker;
    before(async () => {
      api = await openTestApi(queue);
      worker = await api.startWorker();
    });
    after(async () => {
      await worker.close();
      await api.close();
    });
    const combat = (
      heroId: string,
      type: string,
      enemyId: string,
      headers: Record<string, string> = {},
      method = 'PUT',
    ) => api.app.inject({ method: method as 'PUT', url: `/combat/heroes/${heroId}/kill/${type}/${enemyId}`, headers });

    describe('200', () => {
      test('answers the enemy as actionId, and Location says where the receipt is', async () => {
        const enemyId = await addEnemy(api);
        const answer = await combat(await addHero(api), 'ORC', enemyId);
        assert.equal(answer.statusCode, 200);
        assert.deepEqual(answer.json(), { actionId: enemyId });
        const receipt = await api.app.inject(String(answer.headers.location));
        assert.deepEqual([receipt.json().status, receipt.json().enemyId], ['applied', enemyId]);
      });

      test('takes the type in any case, UUIDs too, and POST as well as PUT', async () => {
        for (const type of ['orc', 'Orc', 'oRC']) {
          const enemyId = await addEnemy(api);
          const answer = await combat((await addHero(api)).toUpperCase(), type, enemyId.toUpperCase(), {}, 'POST');
          assert.deepEqual([answer.statusCode, answer.json()], [200, { actionId: enemyId }]);
        }
      });

      test('answers a repeat with the same Idempotency-Key as the first', async () => {
        const [heroId, enemyId] = [await addHero(api), await addEnemy(api)];
        const headers = { 'idempotency-key': randomUUID() };
        for (let attempt = 1; attempt <= 3; attempt += 1) {
          const answer = await combat(heroId, 'orc', enemyId, headers);
          assert.deepEqual([answer.statusCode, answer.json()], [200, { actionId: enemyId }]);
        }
      });

      test('answers one of two heroes that strike at once', async () => {
        const enemyId = await addEnemy(api);
        const heroes = [await addHero(api), await addHero(api)];
        const answers = await Promise.all(heroes.map((heroId) => combat(heroId, 'orc', enemyId)));
        assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [200, 409]);
      });

      for (const type of ['DRAGON', 'ORC', 'GOBLIN', 'TROLL'] as const) {
        const name = type.toLowerCase();
        test(`takes a kill at /${name}/kill`, async () => {
          const [heroId, enemyId] = [await addHero(api), await addEnemy(api, { type })];
          const post = (payload: object) => api.app.inject({ method: 'POST', url: `/${name}/kill`, payload });
          const answer = await post({ heroId, [`${name}Id`]: enemyId });
          assert.deepEqual([answer.statusCode, answer.json()], [200, { actionId: enemyId }]);
          for (const wrong of [
            { heroId, enemyId },
            { heroId },
            { heroId, [`${name}Id`]: '7' },
            [],
            null as unknown as object,
          ]) {
            const refused = await post(wrong);
            assert.equal(refused.json().status, 400);
            assert.ok(['validation_failed', 'malformed_json'].includes(refused.json().code));
          }
        });
      }

      test('waits on POST /kills where the client prefers it', async () => {
        const kill = await newKill(api);
        const answer = await api.app.inject({
          method: 'POST',
          url: '/kills',
          payload: kill,
          headers: { prefer: 'wait=10' },
        });
        assert.deepEqual([answer.statusCode, answer.json()], [200, { actionId: kill.enemyId }]);
      });
    });

    describe('refusals', () => {
      test('answers 404 hero_not_found, and the receipt says so too', async () => {
        const answer = await combat(randomUUID(), 'orc', await addEnemy(api));
        assertProblem(answer, 404, 'hero_not_found');
        const receipt = (await api.app.inject(String(answer.headers.location))).json();
        assert.deepEqual([receipt.status, receipt.reason.code], ['rejected', 'hero_not_found']);
      });

      test('answers 404 enemy_not_found', async () => {
        assertProblem(await combat(await addHero(api), 'orc', randomUUID()), 404, 'enemy_not_found');
      });

      test('answers 400 enemy_type_mismatch', async () => {
        assertProblem(await combat(await addHero(api), 'dragon', await addEnemy(api)), 400, 'enemy_type_mismatch');
        const payload = { heroId: await addHero(api), dragonId: await addEnemy(api) };
        assertProblem(
          await api.app.inject({ method: 'POST', url: '/dragon/kill', payload }),
          400,
          'enemy_type_mismatch',
        );
      });

      test('answers 409 enemy_already_killed, to the killer too', async () => {
        const [heroId, enemyId] = [await addHero(api), await addEnemy(api)];
        await combat(heroId, 'orc', enemyId);
        assertProblem(await combat(heroId, 'orc', enemyId), 409, 'enemy_already_killed');
        assertProblem(await combat(await addHero(api), 'orc', enemyId), 409, 'enemy_already_killed');
      });

      test('answers 409 id_conflict when the key stands for another kill', async () => {
        const headers = { 'idempotency-key': randomUUID() };
        await combat(await addHero(api), 'orc', await addEnemy(api), headers);
        assertProblem(await combat(await addHero(api), 'orc', await addEnemy(api), headers), 409, 'id_conflict');
      });

      test('repeats a refusal under the same key', async () => {
        const headers = { 'idempotency-key': randomUUID() };
        const enemyId = randomUUID();
        const heroId = await addHero(api);
        for (let attempt = 1; attempt <= 2; attempt += 1) {
          assertProblem(await combat(heroId, 'orc', enemyId, headers), 404, 'enemy_not_found');
        }
      });

      test('answers 400 to an unknown type and to ids that are no UUID', async () => {
        const id = randomUUID();
        assertProblem(await combat(id, 'elf', id), 400, 'validation_failed');
        for (const bad of ['123', 'a:b:c', `urn:uuid:${id}`, '%00', 'x'.repeat(300)]) {
          assertProblem(await combat(bad, 'orc', id), 400, 'validation_failed');
          assertProblem(await combat(id, 'orc', bad), 400, 'validation_failed');
        }
      });
    });
  });

  describe(`kills that nobody applies (${queue})`, { skip }, () => {
    let api: TestApi;
    before(async () => {
      api = await openTestApi(queue, { env: { COMBAT_WAIT_MS: '60' } });
    });
    after(() => api.close());

    test('answers 202 when there is no outcome within COMBAT_WAIT_MS', async () => {
      const answer = await api.app.inject({ method: 'PUT', url: await combatUrl(api) });
      const { id, status, statusUrl } = answer.json();
      assert.deepEqual([answer.statusCode, status, statusUrl], [202, 'queued', `/kills/${id}`]);
      assert.equal(answer.headers.location, statusUrl);
    });

    test('waits for as long as Prefer: wait says', async () => {
      const startedAt = performance.now();
      const answer = await api.app.inject({ method: 'PUT', url: await combatUrl(api), headers: { prefer: 'wait=1' } });
      assert.equal(answer.statusCode, 202);
      assert.ok(performance.now() - startedAt >= 990);
    });

    test('does not wait with Prefer: respond-async', async () => {
      const slow = await openTestApi(queue, { env: { COMBAT_WAIT_MS: '60000' } });
      try {
        const answer = await slow.app.inject({
          method: 'PUT',
          url: await combatUrl(slow),
          headers: { prefer: 'respond-async' },
        });
        assert.equal(answer.statusCode, 202);
      } finally {
        await slow.close();
      }
    });

    test('gives a waiting repeat the outcome of a kill that was queued before', async () => {
      const kill = await newKill(api);
      const post = (headers: Record<string, string>) =>
        api.app.inject({ method: 'POST', url: '/kills', payload: kill, headers });
      assert.equal((await post({})).statusCode, 202);
      const waiting = post({ prefer: 'wait=20' });
      await api.settleAll();
      const answer = await waiting;
      assert.deepEqual([answer.statusCode, answer.json()], [200, { actionId: kill.enemyId }]);
    });
  });
}

async function combatUrl(api: TestApi): Promise<string> {
  return `/combat/heroes/${await addHero(api)}/kill/orc/${await addEnemy(api)}`;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Record<string, unknown>;
  json(): { code?: string };
}

function assertProblem(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.statusCode, answer.json().code], [status, code]);
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
}
