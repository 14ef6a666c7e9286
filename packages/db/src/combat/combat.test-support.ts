import { randomUUID } from 'node:crypto';
import type { Accepted, EnemyType, KillEnemy } from '@killfeed/domain';
import type { Pool } from 'pg';

export const ACCEPTED_AT = '2026-11-21T10:00:00.000Z';

/** Adds heroes of level 1 and gives their ids. */
export async function addHeroes(pool: Pool, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await pool.query("INSERT INTO heroes (id, name) SELECT id, 'hero' FROM unnest($1::uuid[]) AS id", [ids]);
  return ids;
}

/** Adds living enemies and gives their ids. */
export async function addEnemies(pool: Pool, count: number, level = 1, type: EnemyType = 'ORC'): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await pool.query(
    `INSERT INTO enemies (id, name, level, enemy_type) SELECT id, 'enemy', $2, $3::enemy_type FROM unnest($1::uuid[]) AS id`,
    [ids, level, type],
  );
  return ids;
}

export function killOf(heroId: string, enemyId: string, more: Partial<KillEnemy> = {}): Accepted<KillEnemy> {
  const command: KillEnemy = { type: 'KillEnemy', id: randomUUID(), heroId, enemyId, ...more };
  return { command, payloadHash: `hash of ${heroId} ${enemyId}`, acceptedAt: ACCEPTED_AT };
}

export interface Counts {
  readonly kills: number;
  readonly rejections: number;
}

/** How many rows there are under these ids. */
export async function countSettled(pool: Pool, ids: readonly string[]): Promise<Counts> {
  const { rows } = await pool.query<Counts>(
    `SELECT (SELECT count(*) FROM kills WHERE id = ANY($1::uuid[]))::int AS kills,
            (SELECT count(*) FROM kill_rejections WHERE id = ANY($1::uuid[]))::int AS rejections`,
    [ids],
  );
  return rows[0] ?? { kills: -1, rejections: -1 };
}

/** Heroes whose total experience or number of kills is not the sum over their kills, and enemies that live or died wrongly. */
export async function listContradictions(pool: Pool): Promise<unknown[]> {
  const { rows } = await pool.query(
    `SELECT heroes.id, 50::bigint * level * (level - 1) + heroes.experience AS found, sum(experience_gained) AS expected
     FROM heroes LEFT JOIN kills ON kills.hero_id = heroes.id
     GROUP BY heroes.id
     HAVING 50::bigint * level * (level - 1) + heroes.experience <> coalesce(sum(experience_gained), 0)
         OR enemies_killed_amount <> count(kills.id)
     UNION ALL
     SELECT enemies.id, 0, count(kills.id) FROM enemies LEFT JOIN kills ON kills.enemy_id = enemies.id
     GROUP BY enemies.id
     HAVING count(kills.id) > 1 OR min(kills.hero_id::text) IS DISTINCT FROM killed_by_hero_id::text`,
  );
  return rows;
}

/** Watches a pool: every client that came back to be used again while it was inside a transaction. */
export function watchReturns(pool: Pool): readonly unknown[] {
  const dirty: unknown[] = [];
  pool.on('release', (error, client) => {
    const status = client.getTransactionStatus();
    if (!error && status !== 'I') dirty.push(status);
  });
  return dirty;
}
