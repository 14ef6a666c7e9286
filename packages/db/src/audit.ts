/** Compares what was accepted with what was done, and every total with the rows it should be the sum of. */
import type { Pool } from 'pg';

export interface AuditReport {
  /** Distinct ids in the ledger. */
  readonly accepted: number;
  readonly applied: number;
  /** Ledger entries beyond the first of an id. */
  readonly duplicates: number;
  readonly rejected: number;
  /** Dead letters that were not replayed to an outcome since. */
  readonly dead: number;
  /** Accepted, not settled, and still held by the queue. */
  readonly inFlight: number;
  /** Accepted, not settled, and unknown to the queue. */
  readonly lost: readonly string[];
  /** Applied more than once, or both applied and rejected. */
  readonly double: readonly string[];
  readonly experienceMismatches: readonly {
    readonly heroId: string;
    readonly expected: number;
    readonly found: number;
  }[];
  readonly playerMismatches: readonly { readonly server: string; readonly id: string }[];
  readonly ok: boolean;
}

/** Which of these ids the queue still holds. */
export type FindQueued = (ids: readonly string[]) => Promise<ReadonlySet<string>>;

/** Ids checked against the queue at a time. */
const PAGE = 1000;

/**
 * Audits the whole database. The adding up is done by PostgreSQL; this process holds one page of ids at a time and
 * the mismatches it found.
 */
export async function audit(pool: Pool, findQueued: FindQueued): Promise<AuditReport> {
  const counts = await count(pool);
  const { inFlight, lost } = await settleUnaccounted(pool, findQueued);
  const double = await listDouble(pool);
  const experienceMismatches = await listExperienceMismatches(pool);
  const playerMismatches = await listPlayerMismatches(pool);
  const mismatches = lost.length + double.length + experienceMismatches.length + playerMismatches.length;
  return { ...counts, inFlight, lost, double, experienceMismatches, playerMismatches, ok: mismatches === 0 };
}

async function count(pool: Pool) {
  const { rows } = await pool.query<{
    accepted: number;
    duplicates: number;
    applied: number;
    rejected: number;
    dead: number;
  }>(
    `WITH ledger AS (SELECT count(DISTINCT kill_id)::int AS accepted, count(*)::int AS entries
                     FROM acceptances, unnest(ids) AS kill_id)
     SELECT accepted, entries - accepted AS duplicates,
            (SELECT count(*) FROM kills)::int + (SELECT count(*) FROM killboard_events)::int AS applied,
            (SELECT count(*) FROM kill_rejections)::int AS rejected,
            (SELECT count(*) FROM dead_letters
             WHERE NOT EXISTS (SELECT FROM kills WHERE kills.id = dead_letters.id)
               AND NOT EXISTS (SELECT FROM killboard_events WHERE killboard_events.id = dead_letters.id)
               AND NOT EXISTS (SELECT FROM kill_rejections WHERE kill_rejections.id = dead_letters.id))::int AS dead
     FROM ledger`,
  );
  const [counts] = rows;
  if (counts === undefined) throw new Error('the audit query gave no row');
  return counts;
}

const UNACCOUNTED = `
  FROM (SELECT DISTINCT unnest(ids) AS id FROM acceptances) AS ledger
  WHERE NOT EXISTS (SELECT FROM kills WHERE kills.id = ledger.id)
    AND NOT EXISTS (SELECT FROM killboard_events WHERE killboard_events.id = ledger.id)
    AND NOT EXISTS (SELECT FROM kill_rejections WHERE kill_rejections.id = ledger.id)
    AND NOT EXISTS (SELECT FROM dead_letters WHERE dead_letters.id = ledger.id)`;

// Asked in this order, so that a kill applied meanwhile is not called lost: not settled, not in the queue, and then
// still not settled (the worker drops the receipt only after its COMMIT).
async function settleUnaccounted(pool: Pool, findQueued: FindQueued): Promise<{ inFlight: number; lost: string[] }> {
  const lost: string[] = [];
  let inFlight = 0;
  let after: string | null = null;
  for (;;) {
    const { rows }: { rows: { id: string }[] } = await pool.query(
      `SELECT ledger.id ${UNACCOUNTED} AND ($1::uuid IS NULL OR ledger.id > $1) ORDER BY ledger.id LIMIT ${PAGE}`,
      [after],
    );
    const last = rows.at(-1);
    if (last === undefined) return { inFlight, lost };
    after = last.id;
    const ids = rows.map(({ id }) => id);
    const queued = await findQueued(ids);
    inFlight += queued.size;
    const suspects = ids.filter((id) => !queued.has(id));
    if (suspects.length === 0) continue;
    const { rows: missing } = await pool.query<{ id: string }>(
      `SELECT ledger.id ${UNACCOUNTED} AND ledger.id = ANY($1::uuid[]) ORDER BY ledger.id`,
      [suspects],
    );
    lost.push(...missing.map(({ id }) => id));
  }
}

// The unique keys make all but the last impossible; the audit does not take that on trust.
async function listDouble(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM kills GROUP BY id HAVING count(*) > 1
     UNION SELECT min(id::text)::uuid FROM kills GROUP BY enemy_id HAVING count(*) > 1
     UNION SELECT id FROM killboard_events GROUP BY id HAVING count(*) > 1
     UNION SELECT min(id::text)::uuid FROM killboard_events GROUP BY server, event_id HAVING count(*) > 1
     UNION SELECT id FROM kills JOIN kill_rejections USING (id)
     ORDER BY id`,
  );
  return rows.map(({ id }) => id);
}

// Level L costs 100 + 200 + ... + 100 * (L - 1) = 50 * L * (L - 1) experience.
async function listExperienceMismatches(pool: Pool): Promise<AuditReport['experienceMismatches']> {
  const { rows } = await pool.query<{ hero_id: string; expected: string; found: string }>(
    `WITH gained AS (SELECT hero_id, sum(experience_gained) AS experience, count(*) AS kills
                     FROM kills GROUP BY hero_id)
     SELECT heroes.id AS hero_id, coalesce(gained.experience, 0) AS expected, total.experience AS found
     FROM heroes LEFT JOIN gained ON gained.hero_id = heroes.id,
          LATERAL (SELECT 50::bigint * level * (level - 1) + heroes.experience AS experience) AS total
     WHERE total.experience <> coalesce(gained.experience, 0) OR enemies_killed_amount <> coalesce(gained.kills, 0)`,
  );
  return rows.map(({ hero_id, expected, found }) => ({
    heroId: hero_id,
    expected: Number(expected),
    found: Number(found),
  }));
}

async function listPlayerMismatches(pool: Pool): Promise<AuditReport['playerMismatches']> {
  const { rows } = await pool.query<{ server: string; id: string }>(
    `WITH seen AS (
       SELECT server, id, sum(kills) AS kills, sum(deaths) AS deaths, sum(kill_fame) AS kill_fame,
              sum(death_fame) AS death_fame
       FROM (SELECT server, killer_id AS id, 1 AS kills, 0 AS deaths, fame AS kill_fame, 0 AS death_fame
             FROM killboard_events
             UNION ALL SELECT server, victim_id, 0, 1, 0, fame FROM killboard_events) AS sides
       GROUP BY server, id
     )
     SELECT server, id FROM seen FULL JOIN players USING (server, id)
     WHERE (seen.kills, seen.deaths, seen.kill_fame, seen.death_fame)
           IS DISTINCT FROM (players.kills, players.deaths, players.kill_fame, players.death_fame)`,
  );
  return rows;
}
