import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addEnemy, addHero, listPages, openTestApi, type TestApi } from '../testing.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly level: number;
}

describe('reading the game', () => {
  let api: TestApi;
  let heroes: string[];
  let enemies: string[];
  before(async () => {
    api = await openTestApi('postgres');
    // In the order in which the lists must have them, added the other way round.
    heroes = await inReverse(
      [
        { level: 9, kills: 1, name: 'Zoe' },
        { level: 8, kills: 7, name: 'Zed' },
        { level: 8, kills: 5, name: 'Ann' },
        { level: 8, kills: 5, name: 'Bob' },
        { level: 1, kills: 0, name: 'Ann' },
      ],
      (hero) => addHero(api, hero),
    );
    enemies = await inReverse(
      [
        { type: 'DRAGON' as const, level: 1, name: 'Z' },
        { type: 'ORC' as const, level: 9, name: 'Z' },
        { type: 'ORC' as const, level: 2, name: 'A' },
        { type: 'ORC' as const, level: 2, name: 'B' },
        { type: 'GOBLIN' as const, level: 50, name: 'A' },
        { type: 'TROLL' as const, level: 50, name: 'A' },
      ],
      (enemy) => addEnemy(api, enemy),
    );
  });
  after(() => api.close());

  const get = async (url: string) => {
    const answer = await api.app.inject(url);
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.json();
  };
  const idsOf = (rows: Row[]) => rows.map(({ id }) => id);

  test('lists heroes by level and kills descending, then name', async () => {
    const rows: Row[] = await get('/heroes');
    assert.deepEqual(idsOf(rows), heroes);
    const { createdAt, updatedAt, ...hero } = rows[0] as Row & { createdAt: string; updatedAt: string };
    assert.deepEqual(hero, { id: heroes[0], name: 'Zoe', level: 9, experience: 0, enemiesKilledAmount: 1 });
    assert.equal(new Date(createdAt).toISOString(), createdAt);
    assert.equal(new Date(updatedAt).toISOString(), updatedAt);
  });

  test('lists enemies by type, level descending, then name', async () => {
    assert.deepEqual(idsOf(await get('/enemies')), enemies);
    assert.deepEqual(idsOf(await get('/enemies?type=ORC')), enemies.slice(1, 4));
  });

  test('lists rows that are alike by id', async () => {
    const alike = await Promise.all(
      Array.from({ length: 5 }, () => addEnemy(api, { type: 'TROLL', level: 1, name: 'Same' })),
    );
    const ids = idsOf(await get('/enemies?type=TROLL')).filter((id) => alike.includes(id));
    assert.deepEqual(ids, alike.toSorted());
    await api.database.pool.query('DELETE FROM enemies WHERE id = ANY($1::uuid[])', [alike]);
  });

  for (const list of ['/heroes', '/enemies']) {
    test(`pages through ${list} by Link, each row once`, async () => {
      const all = idsOf(await get(list));
      for (const limit of [1, 2, all.length, 1000]) {
        const pages = await listPages<Row>(api, `${list}?limit=${limit}`);
        assert.deepEqual(idsOf(pages.flat()), all);
        assert.equal(pages.length, Math.ceil(all.length / limit));
      }
    });

    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'cursor=1', 'type=ELF', 'alive=maybe', 'alive=']) {
      if (list === '/heroes' && !/limit|cursor/.test(query)) continue;
      test(`answers 400 to ${list}?${query}`, async () => {
        const answer = await api.app.inject(`${list}?${query}`);
        assert.deepEqual([answer.statusCode, answer.json().code], [400, 'validation_failed']);
      });
    }

    test(`gives nothing after a cursor that names no row of ${list}`, async () => {
      assert.deepEqual(await get(`${list}?cursor=${randomUUID()}`), []);
    });
  }

  test('answers a hero with what it killed, the last one first, and a link to all of it', async () => {
    const heroId = await addHero(api, { name: 'Killer' });
    const killed = [];
    for (let n = 0; n < 3; n += 1) {
      const enemyId = await addEnemy(api, { level: 1 });
      await api.app.inject({
        method: 'POST',
        url: '/orc/kill',
        payload: { heroId, orcId: enemyId },
        headers: { prefer: 'respond-async' },
      });
      await api.settleAll();
      killed.unshift(enemyId);
    }
    const hero = await get(`/heroes/${heroId.toUpperCase()}`);
    assert.deepEqual([hero.id, hero.enemiesKilledAmount, hero.experience], [heroId, 3, 30]);
    assert.deepEqual(idsOf(hero.killedEnemies), killed);
    assert.equal(hero.killedEnemies[0].killedByHeroId, heroId);
    const first = await api.app.inject(`${hero.killedEnemiesUrl}?limit=2`);
    assert.deepEqual(idsOf(first.json()), killed.slice(0, 2));
    const next = /<([^>]+)>/.exec(String(first.headers.link))?.[1] ?? '';
    assert.deepEqual(idsOf(await get(next)), killed.slice(2));

    const dead = idsOf(await get('/enemies?alive=false'));
    assert.deepEqual(dead.toSorted(), killed.toSorted());
    assert.deepEqual(idsOf(await get('/enemies?alive=true&type=ORC')), enemies.slice(1, 4));
    await api.database.pool.query('DELETE FROM kills');
    await api.database.pool.query('DELETE FROM enemies WHERE id = ANY($1::uuid[])', [killed]);
    await api.database.pool.query('DELETE FROM heroes WHERE id = $1', [heroId]);
  });

  test('answers 404 for a hero that is not there, 400 for an id that is none', async () => {
    const absent = await api.app.inject(`/heroes/${randomUUID()}`);
    assert.deepEqual([absent.statusCode, absent.json().code], [404, 'hero_not_found']);
    const none = await api.app.inject('/heroes/123');
    assert.deepEqual([none.statusCode, none.json().code], [400, 'validation_failed']);
  });
});

async function inReverse<T>(items: readonly T[], add: (item: T) => Promise<string>): Promise<string[]> {
  const ids: string[] = [];
  for (const item of items.toReversed()) ids.unshift(await add(item));
  return ids;
}
