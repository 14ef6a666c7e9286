import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Pool } from 'pg';
import { seed } from './seed.js';
import { openTestDatabase, type TestDatabase } from './testing.js';

const databases: TestDatabase[] = [];
async function open(): Promise<Pool> {
  const database = await openTestDatabase();
  databases.push(database);
  return database.pool;
}
after(() => Promise.all(databases.map((database) => database.close())));

async function fingerprint(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query(
    `SELECT (SELECT md5(string_agg(id::text || name || level || experience, ',' ORDER BY id)) FROM heroes) AS heroes,
            (SELECT md5(string_agg(id::text || name || level || experience || enemy_type, ',' ORDER BY id)) FROM enemies)
              AS enemies`,
  );
  return rows[0];
}

describe('seeding', () => {
  test('adds as many as asked for, of all types and levels, all alive', async () => {
    const pool = await open();
    assert.equal(await seed(pool, { heroes: 20, enemies: 400 }), 420);
    const { rows } = await pool.query(
      `SELECT count(*)::int AS count, count(DISTINCT enemy_type)::int AS types, min(level), max(level),
              count(killed_by_hero_id)::int AS dead, bool_and(experience = level * 10) AS consistent FROM enemies`,
    );
    assert.deepEqual(rows[0], { count: 400, types: 4, min: 1, max: 50, dead: 0, consistent: true });
    const heroes = await pool.query('SELECT DISTINCT level, experience, enemies_killed_amount FROM heroes');
    assert.deepEqual(heroes.rows, [{ level: 1, experience: 0, enemies_killed_amount: 0 }]);
  });

  test('a second time adds nothing, and only the difference when asked for more', async () => {
    const pool = await open();
    await seed(pool, { heroes: 10, enemies: 20 });
    const before = await fingerprint(pool);
    assert.equal(await seed(pool, { heroes: 10, enemies: 20 }), 0);
    assert.deepEqual(await fingerprint(pool), before);
    assert.equal(await seed(pool, { heroes: 12, enemies: 25 }), 7);
  });

  test('gives the same rows in every database, with ids that are UUIDs of version 8', async () => {
    const [one, other] = [await open(), await open()];
    await seed(one, { heroes: 30, enemies: 30 });
    await seed(other, { heroes: 30, enemies: 10 });
    await seed(other, { heroes: 5, enemies: 30 });
    assert.deepEqual(await fingerprint(one), await fingerprint(other));
    const { rows } = await one.query('SELECT id FROM heroes UNION ALL SELECT id FROM enemies');
    assert.ok(rows.every(({ id }) => /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/.test(id)));
    assert.equal(new Set(rows.map(({ id }) => id)).size, 60);
  });

  test('tells how far it is, chunk by chunk', async () => {
    const pool = await open();
    const told: number[][] = [];
    await seed(pool, { heroes: 3, enemies: 20_001, onProgress: (done, total) => told.push([done, total]) });
    assert.deepEqual(told, [
      [3, 20_004],
      [20_003, 20_004],
      [20_004, 20_004],
    ]);
  });

  test('takes none of either', async () => {
    assert.equal(await seed(await open(), { heroes: 0, enemies: 0 }), 0);
  });
});
