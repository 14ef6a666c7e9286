import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { auditStack } from './demo.js';
import { leftOut, openTestStack, QUEUES, type TestStack } from './testing.js';

for (const queue of QUEUES) {
  const options = { skip: await leftOut(queue) };

  test(`gives each of 20 enemies to one of 20 heroes striking at once (${queue})`, options, async (t) => {
    const stack = await openTestStack(t, { queue, heroes: 20, enemies: 20, workers: 2 });
    const { heroes, enemies } = await listGame(stack);

    const answers = await Promise.all(
      heroes.flatMap((heroId) =>
        enemies.map(({ id, enemyType }) =>
          stack.client.PUT('/combat/heroes/{heroId}/kill/{enemyType}/{enemyId}', {
            params: { path: { heroId, enemyType: enemyType.toLowerCase(), enemyId: id } },
            headers: { prefer: 'wait=30' },
          }),
        ),
      ),
    );

    const statuses = answers.map(({ response }) => response.status);
    assert.deepEqual(
      countOf(statuses),
      new Map([
        [200, 20],
        [409, 380],
      ]),
    );
    const { rows } = await stack.database.pool.query(
      `SELECT count(*)::int AS dead, (SELECT sum(experience_gained) FROM kills)::int AS gained,
              (SELECT sum(50 * level * (level - 1) + experience) FROM heroes)::int AS grown
       FROM enemies WHERE killed_by_hero_id IS NOT NULL`,
    );
    const worth = enemies.reduce((sum, { level }) => sum + level * 10, 0);
    assert.deepEqual(rows, [{ dead: 20, gained: worth, grown: worth }]);
    assert.equal((await auditStack(stack)).ok, true);
  });

  test(`applies a kill that is posted 50 times at once, once (${queue})`, options, async (t) => {
    const stack = await openTestStack(t, { queue, heroes: 2, enemies: 2 });
    const { heroes, enemies } = await listGame(stack);
    const kill = { id: randomUUID(), heroId: heroes[0] ?? '', enemyId: enemies[0]?.id ?? '' };

    const posts = await Promise.all(Array.from({ length: 50 }, () => stack.client.POST('/kills', { body: kill })));
    const accepted = posts.filter(({ response }) => [200, 202].includes(response.status));
    assert.equal(accepted.length, 50);

    const waited = await stack.client.POST('/kills', { body: kill, headers: { prefer: 'wait=20' } });
    assert.deepEqual([waited.response.status, waited.data], [200, { actionId: kill.enemyId }]);
    const other = await stack.client.POST('/kills', { body: { ...kill, heroId: heroes[1] ?? '' } });
    assert.deepEqual([other.response.status, other.error?.code], [409, 'id_conflict']);
    const { rows } = await stack.database.pool.query('SELECT hero_id FROM kills');
    assert.deepEqual(rows, [{ hero_id: kill.heroId }]);
    assert.equal((await auditStack(stack)).ok, true);
  });
}

async function listGame({ client }: TestStack) {
  const heroes = await client.GET('/heroes', { params: { query: { limit: 1000 } } });
  const enemies = await client.GET('/enemies', { params: { query: { limit: 1000 } } });
  return { heroes: (heroes.data ?? []).map(({ id }) => id), enemies: enemies.data ?? [] };
}

function countOf(statuses: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}
