import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addEnemy, addHero, leftOut, newKill, openTestApi, QUEUES, type TestApi } from '../testing.js';

for (const queue of QUEUES) {
  describe(`bulk requests (${queue})`, { skip: await leftOut(queue) }, () => {
    let api: TestApi;
    before(async () => {
      api = await openTestApi(queue);
    });
    after(() => api.close());
    const postArray = (payload: object[]) => api.app.inject({ method: 'POST', url: '/kills', payload });
    const postLines = (lines: unknown[]) =>
      api.app.inject({
        method: 'POST',
        url: '/kills',
        headers: { 'content-type': 'application/x-ndjson' },
        payload: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
      });
    const get = async (url: string) => (await api.app.inject(url)).json();
    const newKills = (count: number) => Promise.all(Array.from({ length: count }, () => newKill(api)));

    for (const [form, post] of Object.entries({ 'an array': postArray, NDJSON: postLines })) {
      describe(`202 to ${form}`, () => {
        test('says how many were accepted and where their status is', async () => {
          const kills = await newKills(3);
          const answer = await post(kills);
          const { batchIds, ...counts } = answer.json();
          const [batchId] = batchIds;
          const statusUrl = `/batches/${batchId}`;
          assert.equal(answer.statusCode, 202);
          assert.equal(answer.headers.location, statusUrl);
          assert.deepEqual(counts, { accepted: 3, duplicates: 0, rejected: [], rejectedCount: 0, statusUrl });
          assert.deepEqual(batchIds, [batchId]);

          const { acceptedAt, ...batch } = await get(statusUrl);
          assert.deepEqual(batch, { id: batchId, total: 3, queued: 3, applied: 0, rejected: 0, dead: 0 });
          assert.ok(Date.parse(acceptedAt) > 0);
        });

        test('tells truthfully of each kill while its job is pending, and after', async () => {
          const [kill] = await newKills(1);
          assert.ok(kill);
          const stranger = { ...(await newKill(api)), heroId: randomUUID() };
          const { batchIds, statusUrl } = (await post([kill, stranger])).json();
          for (const { id } of [kill, stranger]) {
            const receipt = await get(`/kills/${id}`);
            assert.deepEqual([receipt.status, receipt.batchId], ['queued', batchIds[0]]);
          }
          await api.settleAll();
          assert.deepEqual(
            [(await get(`/kills/${kill.id}`)).status, (await get(`/kills/${stranger.id}`)).status],
            ['applied', 'rejected'],
          );
          const { acceptedAt, finishedAt, ...batch } = await get(statusUrl);
          assert.deepEqual(batch, { id: batchIds[0], total: 2, queued: 0, applied: 1, rejected: 1, dead: 0 });
          assert.ok(Date.parse(finishedAt) >= Date.parse(acceptedAt));
        });

        test('counts repeats as duplicates: of this body, of queued and of settled kills', async () => {
          const [first, second] = await newKills(2);
          assert.ok(first && second);
          const inBody = (await post([first, first])).json();
          assert.deepEqual([inBody.accepted, inBody.duplicates], [1, 1]);
          const whileQueued = (await post([second, first])).json();
          assert.deepEqual([whileQueued.accepted, whileQueued.duplicates], [1, 1]);
          await api.settleAll();
          const settled = await post([first, second]);
          assert.deepEqual([settled.statusCode, settled.json().accepted, settled.json().duplicates], [202, 0, 2]);
          assert.deepEqual(await api.countQueued(), { jobs: 0, receipts: 0 });
          // A batch without anything new is a batch all the same.
          const { total, queued } = await get(settled.json().statusUrl);
          assert.deepEqual([total, queued], [0, 0]);
        });

        test('rejects an id that stands for another payload: in this body, queued, applied', async () => {
          const [kill] = await newKills(1);
          assert.ok(kill);
          const other = { ...kill, heroId: await addHero(api) };
          const conflict = (index: number) => [
            { index, id: kill.id, code: 'id_conflict', detail: 'the id was used for another payload before' },
          ];
          const inBody = (await post([kill, other])).json();
          assert.deepEqual([inBody.accepted, inBody.rejected], [1, conflict(1)]);
          const whileQueued = (await post([other, kill])).json();
          assert.deepEqual([whileQueued.duplicates, whileQueued.rejected], [1, conflict(0)]);
          await api.settleAll();
          const applied = (await post([kill, other])).json();
          assert.deepEqual([applied.duplicates, applied.rejected], [1, conflict(1)]);
          assert.equal((await get(`/kills/${kill.id}`)).heroId, kill.heroId);
        });

        test('accepts 999 of a thousand and names the one that is bad', async () => {
          const heroId = await addHero(api);
          const enemyId = await addEnemy(api);
          const kills: object[] = Array.from({ length: 1000 }, () => ({ id: randomUUID(), heroId, enemyId }));
          const badId = randomUUID();
          kills[617] = { id: badId, heroId, enemyId: '123' };
          const { accepted, rejected, rejectedCount, statusUrl } = (await post(kills)).json();
          assert.deepEqual([accepted, rejectedCount], [999, 1]);
          const [{ detail, ...rejection }] = rejected;
          assert.deepEqual(rejection, { index: 617, id: badId, code: 'validation_failed' });
          assert.match(detail, /\/enemyId/);
          await api.settleAll();
          const { total, applied, rejected: refused } = await get(statusUrl);
          assert.deepEqual([total, applied, refused], [999, 1, 998]);
        });
      });

      describe(`422 to ${form}`, () => {
        test('answers with the counts when no item is accepted', async () => {
          const answer = await post([{ heroId: 1 }, null as unknown as object, { id: 'x' }]);
          const { code, accepted, rejectedCount, rejected } = answer.json();
          assert.deepEqual([answer.statusCode, code, accepted, rejectedCount], [422, 'validation_failed', 0, 3]);
          assert.deepEqual(
            rejected.map(({ index, id }: { index: number; id?: string }) => [index, id]),
            [
              [0, undefined],
              [1, undefined],
              [2, 'x'],
            ],
          );
          assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
          assert.equal(answer.headers.location, undefined);
        });
      });
    }

    describe('400', () => {
      test('answers 400 to an array of none or of more than 1000', async () => {
        for (const kills of [[], Array.from({ length: 1001 }, () => ({}))]) {
          const answer = await postArray(kills);
          assert.deepEqual([answer.statusCode, answer.json().code], [400, 'validation_failed']);
        }
      });
    });

    describe('NDJSON', () => {
      test('takes more than a thousand kills in one stream', async () => {
        const heroId = await addHero(api);
        const enemyId = await addEnemy(api);
        const kills = Array.from({ length: 2345 }, () => ({ id: randomUUID(), heroId, enemyId }));
        const { accepted, statusUrl } = (await postLines(kills)).json();
        assert.equal(accepted, 2345);
        assert.deepEqual((await get(statusUrl)).total, 2345);
        await api.settleAll();
        const { applied, rejected, queued } = await get(statusUrl);
        assert.deepEqual([applied, rejected, queued], [1, 2344, 0]);
      });

      test('counts every line by its place: blank ones not at all, bad ones as what they are', async () => {
        const [kill, another] = await newKills(2);
        const lines = [
          '',
          '{"heroId":',
          kill,
          '\r',
          '[]',
          `{"x":"${'x'.repeat(16 * 1024)}"}`,
          '{"__proto__":{}}',
          another,
        ];
        const { accepted, rejected } = (await postLines(lines)).json();
        assert.equal(accepted, 2);
        assert.deepEqual(
          rejected.map(({ index, code }: { index: number; code: string }) => [index, code]),
          [
            [0, 'malformed_json'],
            [2, 'validation_failed'],
            [3, 'body_too_large'],
            [4, 'malformed_json'],
          ],
        );
      });

      test('lists the first thousand rejections and counts the rest', async () => {
        const { accepted, rejected, rejectedCount } = (
          await postLines([await newKill(api), ...Array(1500).fill('{}')])
        ).json();
        assert.deepEqual([accepted, rejected.length, rejectedCount], [1, 1000, 1500]);
        assert.equal(rejected[999].index, 1000);
      });

      test('answers 422 to a stream without items', async () => {
        const answer = await postLines(['', ' ']);
        assert.deepEqual([answer.statusCode, answer.json().rejectedCount], [422, 0]);
      });
    });

    test('answers 404 for a batch that nobody sent', async () => {
      const answer = await api.app.inject(`/batches/${randomUUID()}`);
      assert.deepEqual([answer.statusCode, answer.json().code], [404, 'not_found']);
    });
  });
}
