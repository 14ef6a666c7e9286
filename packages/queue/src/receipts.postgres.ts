/** Receipts as rows of `queue_receipts`, for the queue on PostgreSQL. */
import type { Accepted } from '@killfeed/domain';
import type { Pool } from 'pg';
import type { Receipts, Reservation } from './receipts.js';

interface HeldRow {
  id: string;
  payload_hash: string;
  queued: boolean;
}

export function createPostgresReceipts(pool: Pool): Receipts {
  async function insert(accepted: readonly Accepted[]): Promise<Set<string>> {
    const inOrder = accepted.toSorted((a, b) => (a.command.id < b.command.id ? -1 : 1));
    const { rows } = await pool.query<{ id: string }>(
      `INSERT INTO queue_receipts (id, payload_hash, accepted, accepted_at)
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::json[], $4::timestamptz[])
       ON CONFLICT (id) DO NOTHING RETURNING id`,
      [
        inOrder.map(({ command }) => command.id),
        inOrder.map(({ payloadHash }) => payloadHash),
        inOrder.map((item) => JSON.stringify(item)),
        inOrder.map(({ acceptedAt }) => acceptedAt),
      ],
    );
    return new Set(rows.map(({ id }) => id));
  }

  async function findRows(ids: readonly string[]): Promise<Map<string, HeldRow>> {
    if (ids.length === 0) return new Map();
    const { rows } = await pool.query<HeldRow>(
      'SELECT id, payload_hash, queued FROM queue_receipts WHERE id = ANY($1::uuid[])',
      [ids],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  return {
    async reserve(accepted) {
      const inserted = await insert(accepted);
      const held = await findRows(accepted.map(({ command }) => command.id).filter((id) => !inserted.has(id)));
      return accepted.map(({ command }): Reservation => {
        const row = held.get(command.id);
        if (inserted.has(command.id)) return { state: 'new' };
        // Held a moment ago and settled since: PostgreSQL knows with which payload.
        if (row === undefined) return { state: 'new' };
        return { state: row.queued ? 'queued' : 'reserved', payloadHash: row.payload_hash };
      });
    },

    async markQueued(ids) {
      if (ids.length > 0) await pool.query('UPDATE queue_receipts SET queued = true WHERE id = ANY($1::uuid[])', [ids]);
    },

    async drop(ids) {
      if (ids.length > 0) await pool.query('DELETE FROM queue_receipts WHERE id = ANY($1::uuid[])', [ids]);
    },

    async find(id) {
      const { rows } = await pool.query<{ accepted: Accepted }>('SELECT accepted FROM queue_receipts WHERE id = $1', [
        id,
      ]);
      return rows[0]?.accepted ?? null;
    },

    async findHeld(ids) {
      return new Set((await findRows(ids)).keys());
    },

    async listUnqueued(before, limit) {
      const { rows } = await pool.query<{ accepted: Accepted }>(
        'SELECT accepted FROM queue_receipts WHERE NOT queued AND accepted_at < $1 ORDER BY accepted_at LIMIT $2',
        [before, limit],
      );
      return rows.map(({ accepted }) => accepted);
    },
  };
}
