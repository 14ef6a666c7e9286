/**
 * Loads and stores what a kill touches, set by set: one statement for all heroes of a batch, one for all enemies.
 *
 * Leans on: row locks taken in id order, so that two batches never wait for each other in a circle; the primary key
 * of `kills`, which makes a kill count once; the unique `kills.enemy_id`, which makes an enemy die once.
 */
import { type Accepted, Enemy, type EnemyType, Hero, type KillEnemy, type KillOutcome } from '@killfeed/domain';
import type { PoolClient } from 'pg';

export interface CombatRepository {
  /** Locks the rows until the transaction ends, so that rival kills are decided one after the other. */
  lockHeroes(ids: readonly string[]): Promise<Map<string, Hero>>;
  lockEnemies(ids: readonly string[]): Promise<Map<string, Enemy>>;
  /** Which of these ids were applied or rejected before. Read after the locks, so that a rival's commit is seen. */
  findSettledIds(ids: readonly string[]): Promise<Set<string>>;
  save(kills: readonly SettledKill[], heroes: Iterable<Hero>, attempts: number): Promise<void>;
}

/** A command and what the rules made of it. */
export interface SettledKill {
  readonly accepted: Accepted<KillEnemy>;
  readonly outcome: KillOutcome;
}

interface HeroRow {
  id: string;
  name: string;
  level: number;
  experience: number;
  enemies_killed_amount: number;
}

interface EnemyRow {
  id: string;
  name: string;
  level: number;
  experience: number;
  enemy_type: EnemyType;
  killed_by_hero_id: string | null;
}

export function createCombatRepository(client: PoolClient): CombatRepository {
  return {
    async lockHeroes(ids) {
      const { rows } = await client.query<HeroRow>(
        `SELECT id, name, level, experience, enemies_killed_amount FROM heroes
         WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
        [ids],
      );
      return new Map(rows.map((row) => [row.id, toHero(row)]));
    },

    async lockEnemies(ids) {
      const { rows } = await client.query<EnemyRow>(
        `SELECT id, name, level, experience, enemy_type, killed_by_hero_id FROM enemies
         WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
        [ids],
      );
      return new Map(rows.map((row) => [row.id, toEnemy(row)]));
    },

    async findSettledIds(ids) {
      const { rows } = await client.query<{ id: string }>(
        `SELECT id FROM kills WHERE id = ANY($1::uuid[])
         UNION ALL SELECT id FROM kill_rejections WHERE id = ANY($1::uuid[])`,
        [ids],
      );
      return new Set(rows.map((row) => row.id));
    },

    async save(kills, heroes, attempts) {
      const applied = kills.flatMap(toKillRow);
      const rejected = kills.flatMap(toRejectionRow);
      const tries = Math.min(attempts, ATTEMPTS_MAX);
      if (applied.length > 0) {
        await client.query(INSERT_KILLS, [...columnsOf(applied, KILL_COLUMNS), tries]);
        await client.query(UPDATE_ENEMIES, columnsOf(applied, ['enemyId', 'heroId']));
        await client.query(UPDATE_HEROES, columnsOf([...heroes], HERO_COLUMNS));
      }
      if (rejected.length > 0) {
        await client.query(INSERT_REJECTIONS, [...columnsOf(rejected, REJECTION_COLUMNS), tries]);
      }
    },
  };
}

/** A smallint; a database that is away for two days takes that many tries. */
const ATTEMPTS_MAX = 32_767;

const KILL_COLUMNS = [
  'id',
  'heroId',
  'enemyId',
  'enemyType',
  'experienceGained',
  'levelBefore',
  'levelAfter',
  'occurredAt',
  'acceptedAt',
  'batchId',
  'payloadHash',
] as const;

// clock_timestamp(): now() would be the time of BEGIN, before the locks were waited for. In id order, because an id that
// a rival batch has inserted makes this wait for the rival.
const INSERT_KILLS = `
  INSERT INTO kills (id, hero_id, enemy_id, enemy_type, experience_gained, level_before, level_after,
                     occurred_at, accepted_at, batch_id, payload_hash, attempts, applied_at)
  SELECT *, $12::smallint, clock_timestamp()
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::enemy_type[], $5::int[], $6::int[], $7::int[],
              $8::timestamptz[], $9::timestamptz[], $10::uuid[], $11::text[]) AS kill (id)
  ORDER BY kill.id`;

const UPDATE_ENEMIES = `
  UPDATE enemies SET killed_by_hero_id = dead.hero_id, updated_at = now()
  FROM unnest($1::uuid[], $2::uuid[]) AS dead (id, hero_id) WHERE enemies.id = dead.id`;

const HERO_COLUMNS = ['id', 'level', 'experience', 'enemiesKilledAmount'] as const;

const UPDATE_HEROES = `
  UPDATE heroes SET level = grown.level, experience = grown.experience,
                    enemies_killed_amount = grown.enemies_killed_amount, updated_at = now()
  FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) AS grown (id, level, experience, enemies_killed_amount)
  WHERE heroes.id = grown.id`;

const REJECTION_COLUMNS = [
  'id',
  'heroId',
  'enemyId',
  'enemyType',
  'occurredAt',
  'acceptedAt',
  'batchId',
  'payloadHash',
  'code',
  'detail',
] as const;

// Nothing but the rejection itself hangs on the row, so a rival batch's row is as good as ours. In id order, as above.
const INSERT_REJECTIONS = `
  INSERT INTO kill_rejections (id, hero_id, enemy_id, enemy_type, occurred_at, accepted_at, batch_id, payload_hash,
                               code, detail, attempts)
  SELECT *, $11::smallint
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::enemy_type[], $5::timestamptz[], $6::timestamptz[], $7::uuid[],
              $8::text[], $9::text[], $10::text[]) AS rejection (id)
  ORDER BY rejection.id
  ON CONFLICT (id) DO NOTHING`;

function toKillRow({ accepted, outcome }: SettledKill) {
  if (outcome.status !== 'applied') return [];
  return [{ ...outcome, ...acceptanceOf(accepted) }];
}

function toRejectionRow({ accepted, outcome }: SettledKill) {
  if (outcome.status !== 'rejected') return [];
  const { id, heroId, enemyId, enemyType = null } = accepted.command;
  return [{ id, heroId, enemyId, enemyType, ...outcome.reason, ...acceptanceOf(accepted) }];
}

function acceptanceOf({ command, acceptedAt, batchId, payloadHash }: Accepted<KillEnemy>) {
  return { occurredAt: command.occurredAt ?? null, acceptedAt, batchId: batchId ?? null, payloadHash };
}

// unnest takes one array a column.
function columnsOf<Row extends object, Key extends keyof Row>(rows: readonly Row[], keys: readonly Key[]): unknown[][] {
  return keys.map((key) => rows.map((row) => row[key]));
}

function toHero(row: HeroRow): Hero {
  return Hero.restore({
    id: row.id,
    name: row.name,
    level: row.level,
    experience: row.experience,
    enemiesKilledAmount: row.enemies_killed_amount,
  });
}

function toEnemy(row: EnemyRow): Enemy {
  return Enemy.restore({
    id: row.id,
    name: row.name,
    level: row.level,
    experience: row.experience,
    enemyType: row.enemy_type,
    killedByHeroId: row.killed_by_hero_id,
  });
}
