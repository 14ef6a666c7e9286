import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { EnemyType } from '@killfeed/domain';
import { addEnemy, addHero, listPages, openTestApi, type TestApi } from '../testing.js';

interface Kill {
  readonly id: string;
  readonly heroId: string;
  readonly enemyType: EnemyType;
  readonly appliedAt: string;
}

describe('GET /kills', () => {
  let api: TestApi;
  let heroes: string[];
  before(async () => {
    api = await openTestApi('postgres');
    heroes = [await addHero(api), await addHero(api)];
    // Three at once and then one by one: kills of one commit share nothing but their order by id.
    await postKills(api, [heroes[0], heroes[1], heroes[0]], 'ORC');
    for (const type of ['DRAGON', 'TROLL', 'ORC'] as const) await postKills(api, [heroes[0]], type);
  });
  after(() => api.close());

  const list = async (query = '') => {
    const answer = await api.app.inject(`/kills${query}`);
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.json() as Kill[];
  };

  test('lists applied kills, the newest first, then by id', async () => {
    const kills = await list();
    assert.equal(kills.length, 6);
    assert.deepEqual(kills, newestFirst(kills));
    assert.deepEqual(
      kills.slice(0, 3).map(({ enemyType }) => enemyType),
      ['ORC', 'TROLL', 'DRAGON'],
    );
    assert.deepEqual(Object.keys(kills[0] ?? {}).sort(), [
      'appliedAt',
      'enemyId',
      'enemyType',
      'experienceGained',
      'heroId',
      'id',
      'levelAfter',
      'levelBefore',
      'occurredAt',
    ]);
  });

  test('lists those of a hero, of a type, since a moment, and all of it at once', async () => {
    const all = await list();
    const ofHero = await list(`?heroId=${heroes[1]?.toUpperCase()}`);
    assert.deepEqual(
      ofHero,
      all.filter(({ heroId }) => heroId === heroes[1]),
    );
    assert.equal(ofHero.length, 1);
    assert.deepEqual(
      await list('?enemyType=TROLL'),
      all.filter(({ enemyType }) => enemyType === 'TROLL'),
    );
    const since = all[1]?.appliedAt ?? '';
    assert.deepEqual(
      (await list(`?since=${since}`)).map(({ id }) => id),
      all.slice(0, 2).map(({ id }) => id),
    );
    const both = await list(`?since=${since}&enemyType=TROLL&heroId=${heroes[0]}`);
    assert.deepEqual(
      both.map(({ id }) => id),
      [all[1]?.id],
    );
    assert.deepEqual(await list(`?heroId=${randomUUID()}`), []);
    assert.deepEqual(await list('?since=2999-01-01T00:00:00Z'), []);
  });

  test('gives page after page by Link until there is none, filters kept', async () => {
    const all = await list('?enemyType=ORC');
    const pages = await listPages<Kill>(api, '/kills?enemyType=ORC&limit=3');
    assert.deepEqual(pages, [all.slice(0, 3), all.slice(3)]);
    assert.equal(all.length, 4);
  });

  test('has no Link when the last page is full to the limit', async () => {
    const answer = await api.app.inject('/kills?limit=6');
    assert.equal(answer.json().length, 6);
    assert.equal(answer.headers.link, undefined);
  });

  for (const query of [
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=ten',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'cursor=7',
    'heroId=7',
    `heroId=urn:uuid:${randomUUID()}`,
    'enemyType=ELF',
    'enemyType=orc',
    'since=yesterday',
    'since=2024-02-30T00:00:00Z',
    'since=0000-01-01T00:00:00Z',
    'since=2016-12-31T23:59:60Z',
    'since=2024-01-01T00:00:00%2B23:00',
    'since=9999-12-31T23:59:59-01:00',
    'since=%00',
  ]) {
    test(`answers 400 to ?${query}`, async () => {
      const answer = await api.app.inject(`/kills?${query}`);
      assert.deepEqual([answer.statusCode, answer.json().code], [400, 'validation_failed']);
    });
  }
});

function newestFirst(kills: readonly Kill[]): Kill[] {
  return kills.toSorted((a, b) => Date.parse(b.appliedAt) - Date.parse(a.appliedAt) || (a.id < b.id ? 1 : -1));
}

async function postKills(api: TestApi, heroIds: (string | undefined)[], type: EnemyType): Promise<void> {
  const payload = await Promise.all(
    heroIds.map(async (heroId) => ({ heroId, enemyId: await addEnemy(api, { type }) })),
  );
  const answer = await api.app.inject({ method: 'POST', url: '/kills', payload });
  assert.equal(answer.json().accepted, heroIds.length);
  await api.settleAll();
}
