/** What became of accepted commands, read from the tables that hold the outcomes. */
import type { Accepted, EnemyType } from '@killfeed/domain';
import type { Pool } from 'pg';

/** The outcome of one kill as its receipt tells it. Times are ISO 8601 in UTC. */
export interface SettledKillReceipt {
  readonly id: string;
  readonly status: 'applied' | 'rejected' | 'dead';
  readonly heroId: string;
  readonly enemyId: string;
  readonly enemyType: EnemyType | null;
  readonly occurredAt: string | null;
  readonly acceptedAt: string;
  readonly batchId?: string;
  readonly appliedAt?: string;
  readonly experienceGained?: number;
  readonly levelBefore?: number;
  readonly levelAfter?: number;
  readonly attempts: number;
  readonly acceptedToAppliedMs?: number;
  readonly reason?: { readonly code: string; readonly detail: string };
}

/** Counts by status of one bulk request. */
export interface BatchCounts {
  readonly id: string;
  readonly total: number;
  readonly queued: number;
  readonly applied: number;
  readonly rejected: number;
  readonly dead: number;
  readonly acceptedAt: string;
  readonly finishedAt?: string;
}

export interface SettledReader {
  /** Of these ids, those that are settled, with the hash of the payload they were settled with. */
  findPayloadHashes(ids: readonly string[]): Promise<Map<string, string>>;
  findKill(id: string): Promise<SettledKillReceipt | null>;
  /** Of these ids, the kills that are settled. */
  findKills(ids: readonly string[]): Promise<Map<string, SettledKillReceipt>>;
  /** null where no request with this id was accepted, or where the ledger has not heard of it yet. */
  findBatch(id: string): Promise<BatchCounts | null>;
}

export function createSettledReader(pool: Pool): SettledReader {
  async function findKills(ids: readonly string[]): Promise<Map<string, SettledKillReceipt>> {
    const { rows } = await pool.query<SettledRow>(
      `SELECT 'dead' AS status, id, NULL::uuid AS hero_id, NULL::uuid AS enemy_id, NULL::enemy_type AS enemy_type,
              NULL::timestamptz AS occurred_at, NULL::timestamptz AS accepted_at, NULL::uuid AS batch_id, attempts,
              NULL::timestamptz AS applied_at, NULL::int AS experience_gained, NULL::int AS level_before,
              NULL::int AS level_after, class AS code, message AS detail, command
       FROM dead_letters WHERE id = ANY($1::uuid[])
       UNION ALL
       SELECT 'rejected', id, hero_id, enemy_id, enemy_type, occurred_at, accepted_at, batch_id, attempts,
              NULL, NULL, NULL, NULL, code, detail, NULL
       FROM kill_rejections WHERE id = ANY($1::uuid[])
       UNION ALL
       SELECT 'applied', id, hero_id, enemy_id, enemy_type, occurred_at, accepted_at, batch_id, attempts,
              applied_at, experience_gained, level_before, level_after, NULL, NULL, NULL
       FROM kills WHERE id = ANY($1::uuid[])`,
      [ids],
    );
    // An id can be dead and, replayed, applied since: the better outcome is the one that counts.
    const worstFirst = ['dead', 'rejected', 'applied'].flatMap((status) => rows.filter((row) => row.status === status));
    return new Map(worstFirst.flatMap(toReceipts).map((receipt) => [receipt.id, receipt]));
  }

  return {
    async findPayloadHashes(ids) {
      const { rows } = await pool.query<{ id: string; payload_hash: string | null }>(
        `SELECT id, payload_hash FROM kills WHERE id = ANY($1::uuid[])
         UNION ALL SELECT id, payload_hash FROM kill_rejections WHERE id = ANY($1::uuid[])
         UNION ALL SELECT id, id::text FROM killboard_events WHERE id = ANY($1::uuid[])
         UNION ALL SELECT id, command ->> 'payloadHash' FROM dead_letters WHERE id = ANY($1::uuid[])`,
        [ids],
      );
      return new Map(rows.map((row) => [row.id, row.payload_hash ?? '']));
    },

    findKills,

    async findKill(id) {
      return (await findKills([id])).get(id) ?? null;
    },

    async findBatch(id) {
      const { rows } = await pool.query<BatchRow>(
        `WITH members AS (
           SELECT DISTINCT unnest(ids) AS id FROM acceptances WHERE batch_id = $1
         )
         SELECT count(*)::int AS total,
                (count(kills.id) + count(killboard_events.id))::int AS applied,
                count(kill_rejections.id)::int AS rejected,
                (count(dead_letters.id) FILTER (WHERE coalesce(kills.id, kill_rejections.id, killboard_events.id) IS NULL))::int AS dead,
                (SELECT min(accepted_at) FROM acceptances WHERE batch_id = $1) AS accepted_at,
                max(greatest(kills.applied_at, killboard_events.applied_at, kill_rejections.rejected_at,
                             dead_letters.last_failed_at)) AS settled_at
         FROM members
         LEFT JOIN kills USING (id) LEFT JOIN killboard_events USING (id)
         LEFT JOIN kill_rejections USING (id) LEFT JOIN dead_letters USING (id)`,
        [id],
      );
      const counts = rows[0];
      if (counts?.accepted_at == null) return null;
      const { total, applied, rejected, dead, accepted_at, settled_at } = counts;
      const queued = total - applied - rejected - dead;
      const batch = { id, total, queued, applied, rejected, dead, acceptedAt: accepted_at.toISOString() };
      return queued === 0 ? { ...batch, finishedAt: (settled_at ?? accepted_at).toISOString() } : batch;
    },
  };
}

interface KillColumns {
  id: string;
  hero_id: string;
  enemy_id: string;
  enemy_type: EnemyType | null;
  occurred_at: Date | null;
  accepted_at: Date;
  batch_id: string | null;
  attempts: number;
}

type SettledRow =
  | (KillColumns & {
      status: 'applied';
      applied_at: Date;
      experience_gained: number;
      level_before: number;
      level_after: number;
    })
  | (KillColumns & { status: 'rejected'; code: string; detail: string })
  | { status: 'dead'; attempts: number; code: string; detail: string; command: Accepted };

interface BatchRow {
  total: number;
  applied: number;
  rejected: number;
  dead: number;
  accepted_at: Date | null;
  settled_at: Date | null;
}

function toReceipts(row: SettledRow): SettledKillReceipt[] {
  switch (row.status) {
    case 'applied':
      return [
        {
          ...kill(row),
          status: row.status,
          appliedAt: row.applied_at.toISOString(),
          experienceGained: row.experience_gained,
          levelBefore: row.level_before,
          levelAfter: row.level_after,
          acceptedToAppliedMs: Math.max(0, row.applied_at.getTime() - row.accepted_at.getTime()),
        },
      ];
    case 'rejected':
      return [{ ...kill(row), status: row.status, reason: { code: row.code, detail: row.detail } }];
    case 'dead':
      return toDeadReceipts(row.command, row.attempts, { code: row.code, detail: row.detail });
  }
}

// Killboard events that died share the table, but they are not kills.
function toDeadReceipts(
  { command, acceptedAt, batchId }: Accepted,
  attempts: number,
  reason: { code: string; detail: string },
): SettledKillReceipt[] {
  if (command.type !== 'KillEnemy') return [];
  const { id, heroId, enemyId, enemyType = null, occurredAt = null } = command;
  const receipt = { id, status: 'dead' as const, heroId, enemyId, enemyType, occurredAt, acceptedAt, attempts, reason };
  return [batchId === undefined ? receipt : { ...receipt, batchId }];
}

function kill(row: KillColumns): Omit<SettledKillReceipt, 'status'> {
  return {
    id: row.id,
    heroId: row.hero_id,
    enemyId: row.enemy_id,
    enemyType: row.enemy_type,
    occurredAt: row.occurred_at?.toISOString() ?? null,
    acceptedAt: row.accepted_at.toISOString(),
    ...(row.batch_id === null ? {} : { batchId: row.batch_id }),
    attempts: row.attempts,
  };
}
