import type { Pool } from 'pg';

export interface SeedOptions {
  readonly heroes: number;
  readonly enemies: number;
  /** Told after each chunk: rows done, rows in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

const CHUNK = 20_000;

/**
 * Adds heroes (level 1) and living enemies (levels 1 to 50, all four types) until there are as many seeded ones as
 * asked for. Hero 7 has the same id and name on every machine, so a second run adds nothing.
 *
 * @returns how many rows were new
 */
export async function seed(pool: Pool, { heroes, enemies, onProgress }: SeedOptions): Promise<number> {
  const total = heroes + enemies;
  let done = 0;
  let added = 0;
  for (const [sql, count] of [
    [INSERT_HEROES, heroes],
    [INSERT_ENEMIES, enemies],
  ] as const) {
    for (let from = 1; from <= count; from += CHUNK) {
      const to = Math.min(from + CHUNK - 1, count);
      const { rowCount } = await pool.query(sql, [from, to]);
      added += rowCount ?? 0;
      done += to - from + 1;
      onProgress?.(done, total);
    }
  }
  return added;
}

// A version 8 UUID (RFC 9562: custom) made of the row's number, so that seeding is repeatable.
const seededId = (kind: string) =>
  `overlay(overlay(md5('killfeed ${kind} ' || n) placing '8' from 13) placing 'a' from 17)::uuid`;

const pick = (words: readonly string[], divisor: number) =>
  `(ARRAY['${words.join("', '")}'])[1 + (n / ${divisor}) % ${words.length}]`;

const HERO_NAMES = ['Aldric', 'Brunhild', 'Cedric', 'Dagny', 'Edda', 'Falk', 'Gisela', 'Hartwin', 'Isolde', 'Jorun'];
const HERO_BYNAMES = ['the Bold', 'of Martlock', 'Ironhand', 'the Quiet', 'of Lymhurst', 'Stormborn', 'the Grey'];
const ENEMY_BYNAMES = [
  'of the Mire',
  'the Cruel',
  'of Blackpeak',
  'the Old',
  'Bonebreaker',
  'of the Hollow',
  'the Red',
];

const INSERT_HEROES = `
  INSERT INTO heroes (id, name)
  SELECT ${seededId('hero')}, ${pick(HERO_NAMES, 1)} || ' ' || ${pick(HERO_BYNAMES, 10)} || ' ' || n
  FROM generate_series($1::int, $2::int) AS n ON CONFLICT (id) DO NOTHING`;

const INSERT_ENEMIES = `
  INSERT INTO enemies (id, name, level, experience, enemy_type)
  SELECT ${seededId('enemy')}, initcap(type) || ' ' || ${pick(ENEMY_BYNAMES, 4)} || ' ' || n, level, level * 10,
         type::enemy_type
  FROM generate_series($1::int, $2::int) AS n,
       LATERAL (SELECT ${pick(['DRAGON', 'ORC', 'GOBLIN', 'TROLL'], 1)} AS type, 1 + (n * 7) % 50 AS level) AS kind
  ON CONFLICT (id) DO NOTHING`;
