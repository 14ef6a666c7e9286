import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { openTestDatabase } from '../testing.js';
import { applyKills } from './apply-kills.js';
import { addEnemies, addHeroes, countSettled, killOf } from './combat.test-support.js';

const database = await openTestDatabase();
const { pool } = database;
after(() => database.close());

/** One hero and these many enemies. */
async function battlefield(enemies: number, level = 1) {
  const [heroId = ''] = await addHeroes(pool, 1);
  return { heroId, enemyIds: await addEnemies(pool, enemies, level) };
}

async function readHero(id: string) {
  const { rows } = await pool.query('SELECT level, experience, enemies_killed_amount FROM heroes WHERE id = $1', [id]);
  return rows[0];
}

describe('applying kills', () => {
  test('gives the hero its experience and levels, and the enemy its killer', async () => {
    const { heroId, enemyIds } = await battlefield(1, 32);
    const [enemyId = ''] = enemyIds;
    const kill = killOf(heroId, enemyId, { enemyType: 'ORC', occurredAt: '2026-11-20T23:00:00.123456+01:00' });
    const outcomes = await applyKills(pool, [{ ...kill, batchId: randomUUID() }], 1);
    // 320 experience: 100 for level 1, 200 for level 2, 20 left.
    const { id } = kill.command;
    const gained = { experienceGained: 320, levelBefore: 1, levelAfter: 3 };
    assert.deepEqual(outcomes, [{ status: 'applied', id, heroId, enemyId, enemyType: 'ORC', ...gained }]);
    assert.deepEqual(await readHero(heroId), { level: 3, experience: 20, enemies_killed_amount: 1 });
    const enemy = await pool.query('SELECT killed_by_hero_id FROM enemies WHERE id = $1', [enemyId]);
    assert.equal(enemy.rows[0].killed_by_hero_id, heroId);
  });

  test('stores the kill with everything that its receipt tells', async () => {
    const { heroId, enemyIds } = await battlefield(1, 5);
    const [enemyId = ''] = enemyIds;
    const batchId = randomUUID();
    const kill = killOf(heroId, enemyId, { occurredAt: '2026-11-20T23:00:00.123456+01:00' });
    await applyKills(pool, [{ ...kill, batchId }], 3);
    const { rows } = await pool.query('SELECT *, occurred_at::text AS occurred FROM kills WHERE id = $1', [
      kill.command.id,
    ]);
    const { applied_at, accepted_at, ...row } = rows[0];
    assert.ok(Math.abs(applied_at.getTime() - Date.now()) < 60_000);
    assert.equal(accepted_at.toISOString(), kill.acceptedAt);
    assert.match(row.occurred, /22:00:00\.123456\+00|23:00:00\.123456\+01/);
    assert.deepEqual(
      [row.hero_id, row.enemy_id, row.enemy_type, row.experience_gained, row.level_before, row.level_after],
      [heroId, enemyId, 'ORC', 50, 1, 1],
    );
    assert.deepEqual([row.batch_id, row.payload_hash, row.attempts], [batchId, kill.payloadHash, 3]);
  });

  test('adds up several kills of one hero in a batch', async () => {
    const { heroId, enemyIds } = await battlefield(30, 7);
    const outcomes = await applyKills(
      pool,
      enemyIds.map((enemyId) => killOf(heroId, enemyId)),
      1,
    );
    assert.ok(outcomes.every(({ status }) => status === 'applied'));
    assert.deepEqual(await readHero(heroId), { level: 7, experience: 0, enemies_killed_amount: 30 });
  });

  test('takes a batch of nothing', async () => {
    assert.deepEqual(await applyKills(pool, [], 1), []);
  });

  test('counts tries beyond what the column holds as the most it holds', async () => {
    const { heroId, enemyIds } = await battlefield(1);
    const [enemyId = ''] = enemyIds;
    const [applied, rejected] = [killOf(heroId, enemyId), killOf(heroId, randomUUID())];
    const outcomes = await applyKills(pool, [applied, rejected], 100_000);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['applied', 'rejected'],
    );
    const { rows } = await pool.query('SELECT attempts FROM kills WHERE id = $1', [applied.command.id]);
    assert.equal(rows[0].attempts, 32_767);
  });
});

describe('rejections', () => {
  test('say why, and change neither hero nor enemy', async () => {
    const { heroId, enemyIds } = await battlefield(2);
    const [enemyId = '', other = ''] = enemyIds;
    const kills = [
      killOf(randomUUID(), enemyId),
      killOf(heroId, randomUUID()),
      killOf(heroId, enemyId, { enemyType: 'DRAGON' }),
      killOf(heroId, other),
      killOf(heroId, other),
    ];
    const outcomes = await applyKills(pool, kills, 2);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : outcome.status)),
      ['hero_not_found', 'enemy_not_found', 'enemy_type_mismatch', 'applied', 'enemy_already_killed'],
    );
    assert.equal((await readHero(heroId)).enemies_killed_amount, 1);
    const { rows } = await pool.query('SELECT killed_by_hero_id FROM enemies WHERE id = $1', [enemyId]);
    assert.equal(rows[0].killed_by_hero_id, null);
  });

  test('are stored with code, detail and what the client said', async () => {
    const { enemyIds } = await battlefield(1);
    const kill = killOf(randomUUID(), enemyIds[0] ?? '', { enemyType: 'TROLL', occurredAt: '2026-11-20T12:00:00Z' });
    await applyKills(pool, [kill], 4);
    const { rows } = await pool.query('SELECT * FROM kill_rejections WHERE id = $1', [kill.command.id]);
    const { code, detail, enemy_type, occurred_at, payload_hash, attempts, batch_id } = rows[0];
    assert.deepEqual([code, enemy_type, attempts, batch_id], ['hero_not_found', 'TROLL', 4, null]);
    assert.ok(detail.includes(kill.command.heroId));
    assert.equal(occurred_at.toISOString(), '2026-11-20T12:00:00.000Z');
    assert.equal(payload_hash, kill.payloadHash);
  });
});

describe('repeats', () => {
  test('of a whole batch change nothing', async () => {
    const { heroId, enemyIds } = await battlefield(5, 9);
    const kills = [...enemyIds.map((enemyId) => killOf(heroId, enemyId)), killOf(heroId, randomUUID())];
    await applyKills(pool, kills, 1);
    const before = await readHero(heroId);
    const outcomes = await applyKills(pool, kills, 2);
    assert.deepEqual(
      outcomes,
      kills.map(({ command }) => ({ status: 'duplicate', id: command.id })),
    );
    assert.deepEqual(await readHero(heroId), before);
    const ids = kills.map(({ command }) => command.id);
    assert.deepEqual(await countSettled(pool, ids), { kills: 5, rejections: 1 });
  });

  test('in part apply only what is new', async () => {
    const { heroId, enemyIds } = await battlefield(4);
    const kills = enemyIds.map((enemyId) => killOf(heroId, enemyId));
    await applyKills(pool, kills.slice(1, 3), 1);
    const outcomes = await applyKills(pool, kills, 1);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['applied', 'duplicate', 'duplicate', 'applied'],
    );
    assert.equal((await readHero(heroId)).enemies_killed_amount, 4);
  });

  test('within one batch count once, whatever they carry', async () => {
    const { heroId, enemyIds } = await battlefield(2);
    const [first = '', second = ''] = enemyIds;
    const kill = killOf(heroId, first);
    const outcomes = await applyKills(pool, [kill, kill, killOf(heroId, second, { id: kill.command.id })], 1);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['applied', 'duplicate', 'duplicate'],
    );
    assert.equal((await readHero(heroId)).enemies_killed_amount, 1);
  });

  test('under an id that was used for another kill leave the first one standing', async () => {
    const { heroId, enemyIds } = await battlefield(2);
    const [first = '', second = ''] = enemyIds;
    const applied = killOf(heroId, first);
    const rejected = killOf(heroId, randomUUID());
    await applyKills(pool, [applied, rejected], 1);
    const outcomes = await applyKills(
      pool,
      [killOf(heroId, second, { id: applied.command.id }), killOf(heroId, second, { id: rejected.command.id })],
      1,
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['duplicate', 'duplicate'],
    );
    const { rows } = await pool.query('SELECT enemy_id FROM kills WHERE id = $1', [applied.command.id]);
    assert.equal(rows[0].enemy_id, first);
    assert.equal((await readHero(heroId)).enemies_killed_amount, 1);
  });
});
