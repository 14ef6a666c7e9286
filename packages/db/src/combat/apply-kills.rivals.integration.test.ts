/** Many callers at once, as several workers would be. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import type { Accepted, KillEnemy, KillOutcome } from '@killfeed/domain';
import { classifyError } from '../errors.js';
import { openTestDatabase } from '../testing.js';
import { applyKills } from './apply-kills.js';
import {
  addEnemies,
  addHeroes,
  countSettled,
  killOf,
  listContradictions,
  watchReturns,
} from './combat.test-support.js';

const database = await openTestDatabase();
const { pool } = database;
const dirtyReturns = watchReturns(pool);
after(() => database.close());

const CALLERS = 8;

/** Applies the batches from many callers at once; an error of any of them is thrown. */
async function applyFromAll(batches: readonly (readonly Accepted<KillEnemy>[])[]): Promise<KillOutcome[]> {
  const left = [...batches];
  const outcomes: KillOutcome[] = [];
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let batch = left.pop(); batch !== undefined; batch = left.pop()) {
        outcomes.push(...(await applyKills(pool, batch, 1)));
      }
    }),
  );
  return outcomes;
}

function shuffle<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function inBatches<Item>(items: readonly Item[], sizeMax: number): Item[][] {
  const batches: Item[][] = [];
  for (let from = 0; from < items.length; ) {
    const to = from + 1 + Math.floor(Math.random() * sizeMax);
    batches.push(items.slice(from, to));
    from = to;
  }
  return batches;
}

function count(outcomes: readonly KillOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe('rival callers', () => {
  test('kill each of 20 enemies once when 20 heroes strike each of them', async () => {
    const heroIds = await addHeroes(pool, 20);
    const enemyIds = await addEnemies(pool, 20, 13);
    const kills = shuffle(heroIds.flatMap((heroId) => enemyIds.map((enemyId) => killOf(heroId, enemyId))));
    const outcomes = await applyFromAll(inBatches(kills, 15));
    assert.deepEqual(count(outcomes), { applied: 20, rejected: 380 });
    const { rows } = await pool.query('SELECT count(*)::int AS dead FROM enemies WHERE killed_by_hero_id = ANY($1)', [
      heroIds,
    ]);
    assert.equal(rows[0].dead, 20);
    assert.deepEqual(await listContradictions(pool), []);
  });

  test('with opposite orders of the same heroes and enemies meet no deadlock', async () => {
    const heroIds = await addHeroes(pool, 10);
    const batches = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        const enemyIds = await addEnemies(pool, 10);
        const kills = heroIds.map((heroId, place) => killOf(heroId, enemyIds[place] ?? ''));
        return index % 2 === 0 ? kills : kills.toReversed();
      }),
    );
    const outcomes = await applyFromAll(batches);
    assert.deepEqual(count(outcomes), { applied: 640 });
    assert.deepEqual(await listContradictions(pool), []);
  });

  test('with the same batches apply each kill once', async () => {
    const [heroId = ''] = await addHeroes(pool, 1);
    const enemyIds = await addEnemies(pool, 50);
    const kills = enemyIds.map((enemyId) => killOf(heroId, enemyId));
    const outcomes = await applyFromAll(Array.from({ length: CALLERS }, () => shuffle(kills)));
    assert.deepEqual(count(outcomes), { applied: 50, duplicate: 350 });
    assert.deepEqual(await listContradictions(pool), []);
  });

  // No row is common to them, so only the primary key stands between them.
  test('with the same ids for different kills never apply an id twice', async () => {
    const ids = Array.from({ length: 40 }, () => randomUUID());
    const heroIds = await addHeroes(pool, CALLERS);
    const batches = await Promise.all(
      heroIds.map(async (heroId) => {
        const enemyIds = await addEnemies(pool, ids.length);
        return shuffle(ids.map((id, place) => killOf(heroId, enemyIds[place] ?? '', { id })));
      }),
    );
    const results = await Promise.allSettled(batches.map((batch) => applyKills(pool, batch, 1)));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [classifyError(result.reason)] : []));
    assert.deepEqual(
      failures.map(({ sqlState }) => sqlState),
      failures.map(() => '23505'),
    );
    assert.ok(failures.length > 0, 'the callers met');
    const again = await applyFromAll(batches);
    assert.deepEqual(count(again), { duplicate: ids.length * CALLERS });
    assert.deepEqual(await countSettled(pool, ids), { kills: ids.length, rejections: 0 });
    assert.deepEqual(await listContradictions(pool), []);
  });

  test('with the same ids for kills that are refused meet no deadlock', async () => {
    const ids = Array.from({ length: 40 }, () => randomUUID());
    const batches = Array.from({ length: CALLERS }, () =>
      shuffle(ids).map((id) => killOf(randomUUID(), randomUUID(), { id })),
    );
    await applyFromAll(batches);
    assert.deepEqual(await countSettled(pool, ids), { kills: 0, rejections: ids.length });
  });

  test('hand every connection back outside a transaction', async () => {
    const [heroId = ''] = await addHeroes(pool, 1);
    await applyFromAll((await addEnemies(pool, CALLERS)).map((enemyId) => [killOf(heroId, enemyId)]));
    assert.deepEqual(dirtyReturns, []);
  });
});
