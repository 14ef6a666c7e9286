/**
 * The unit of work of the killboard: many events and what they add to their killers and victims, one transaction.
 *
 * Leans on the primary key of `killboard_events`: an event whose row is there already adds nothing. Players are
 * upserted in (server, id) order, so that two batches never wait for each other in a circle.
 */
import {
  type Accepted,
  type PlayerTotals,
  type RecordKillEvent,
  type RecordKillEventOutcome,
  recordKillEvents,
} from '@killfeed/domain';
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../transaction.js';

/**
 * Stores the events that are new and adds up their players' totals; one outcome for each event, in the order given.
 * Repeating it after any failure changes nothing that was stored before.
 *
 * @throws what PostgreSQL threw; then nothing was stored, unless the error's class is `unknown`
 */
export function applyKillEvents(
  pool: Pool,
  events: readonly Accepted<RecordKillEvent>[],
): Promise<RecordKillEventOutcome[]> {
  return inTransaction(pool, async (client) => {
    const insertedIds = await insertEvents(client, events);
    const settledIds = new Set(events.map(({ command }) => command.id).filter((id) => !insertedIds.has(id)));
    const { outcomes, players } = recordKillEvents(
      events.map(({ command }) => command),
      settledIds,
    );
    if (players.length > 0) await addToPlayers(client, players);
    return outcomes;
  });
}

// A rival batch with the same event makes this wait for its COMMIT; the event is then not among those returned.
async function insertEvents(client: PoolClient, events: readonly Accepted<RecordKillEvent>[]): Promise<Set<string>> {
  const byId = new Map(events.toReversed().map((event) => [event.command.id, event]));
  const rows = [...byId.values()].sort((a, b) => (a.command.id < b.command.id ? -1 : 1));
  const column = (read: (event: Accepted<RecordKillEvent>) => unknown) => rows.map(read);
  const { rows: inserted } = await client.query<{ id: string }>(
    `INSERT INTO killboard_events (id, server, event_id, occurred_at, fame, killer_id, victim_id,
                                   accepted_at, batch_id, event)
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::text[],
                          $7::text[], $8::timestamptz[], $9::uuid[], $10::json[])
     ON CONFLICT DO NOTHING RETURNING id`,
    [
      column(({ command }) => command.id),
      column(({ command }) => command.server),
      column(({ command }) => command.eventId),
      column(({ command }) => command.occurredAt),
      column(({ command }) => command.fame),
      column(({ command }) => command.killer.id),
      column(({ command }) => command.victim.id),
      column(({ acceptedAt }) => acceptedAt),
      column(({ batchId = null }) => batchId),
      column(({ command }) => JSON.stringify(command.event)),
    ],
  );
  return new Set(inserted.map(({ id }) => id));
}

async function addToPlayers(client: PoolClient, players: readonly PlayerTotals[]): Promise<void> {
  const keys = [
    'server',
    'id',
    'name',
    'guild',
    'alliance',
    'kills',
    'deaths',
    'killFame',
    'deathFame',
    'firstSeen',
    'lastSeen',
  ] as const;
  await client.query(
    `INSERT INTO players (server, id, name, guild, alliance, kills, deaths, kill_fame, death_fame, first_seen, last_seen)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[],
                          $8::bigint[], $9::bigint[], $10::timestamptz[], $11::timestamptz[]) AS seen
     ON CONFLICT (server, id) DO UPDATE SET
       name = CASE WHEN excluded.last_seen >= players.last_seen THEN excluded.name ELSE players.name END,
       guild = CASE WHEN excluded.last_seen >= players.last_seen THEN excluded.guild ELSE players.guild END,
       alliance = CASE WHEN excluded.last_seen >= players.last_seen THEN excluded.alliance ELSE players.alliance END,
       kills = players.kills + excluded.kills,
       deaths = players.deaths + excluded.deaths,
       kill_fame = players.kill_fame + excluded.kill_fame,
       death_fame = players.death_fame + excluded.death_fame,
       first_seen = least(players.first_seen, excluded.first_seen),
       last_seen = greatest(players.last_seen, excluded.last_seen)`,
    keys.map((key) => players.map((player) => player[key])),
  );
}
