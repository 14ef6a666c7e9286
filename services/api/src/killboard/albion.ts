/**
 * Kill events of Albion Online, exactly as `https://gameinfo.albiononline.com/api/gameinfo/events` returns them.
 *
 * An EventId is unique on its server only, and the event does not name its server. The feed repeats events for up to
 * 33 hours, unchanged. What is null, empty or zero in an event is normal; what is unknown to us is kept.
 */
import { KILLBOARD_SERVERS, type KillboardServer, type PlayerSeen, type RecordKillEvent } from '@killfeed/domain';
import { type Static, Type } from 'typebox';
import { v5 as uuidv5 } from 'uuid';
import type { ItemReader } from '../bulk/take-bulk.js';
import { compileItem, itemErrors } from '../plugins/validation.js';
import { Nullable } from '../schemas.js';
import { findUnstorable } from './unstorable.js';

export const ServerName = Type.Enum([...KILLBOARD_SERVERS], {
  description: 'The game server that the events are from',
});

/** Names the ids that are derived from (server, EventId). */
const EVENT_NAMESPACE = '6f1c4b8e-3a52-5d0e-9c87-2b7a4d1f0e63';

// Text goes into PostgreSQL, which has no NUL.
const text = (lengthMax: number, lengthMin = 0) =>
  Type.String({ minLength: lengthMin, maxLength: lengthMax, pattern: '^[^\\u0000]*$' });

/** Thirty thousand times the most that was ever seen; sums of thousands of them stay exact. */
const FAME_MAX = 1_000_000_000_000;

const AlbionPlayer = Type.Object({
  Id: text(200, 1),
  Name: text(200, 1),
  GuildName: Type.Optional(Nullable(text(200))),
  AllianceName: Type.Optional(Nullable(text(200))),
});

export const AlbionEvent = Type.Object(
  {
    EventId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    TimeStamp: Type.String({
      format: 'date-time',
      pattern: '^(?!0000)\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:[0-5]\\d(\\.\\d+)?Z$',
      maxLength: 40,
    }),
    TotalVictimKillFame: Type.Integer({ minimum: 0, maximum: FAME_MAX }),
    Killer: AlbionPlayer,
    Victim: AlbionPlayer,
  },
  { additionalProperties: true, description: "A kill event as the game's API returns it; other fields are kept" },
);

const isEvent = compileItem(AlbionEvent);

/** The id of an event in the queue and in the database. */
export function eventUuid(server: KillboardServer, eventId: number): string {
  return uuidv5(`${server}-${eventId}`, EVENT_NAMESPACE);
}

/** Reads the items of a bulk request as events of one server. */
export function albionItems(server: KillboardServer): ItemReader {
  return {
    lineBytesMax: 512 * 1024,
    read(item) {
      if (!isEvent(item)) return { errors: itemErrors(isEvent) };
      const unstorable = findUnstorable(item);
      if (unstorable !== undefined) return { errors: [{ path: '', message: unstorable }] };
      const command = toRecordKillEvent(server, item as Static<typeof AlbionEvent>);
      // The key is the whole identity: a repeat is a duplicate whatever it carries, and the first stays.
      return { command, payloadHash: command.id };
    },
    nameOf(item) {
      const eventId = (item as { EventId?: unknown } | null)?.EventId;
      return typeof eventId === 'number' ? { eventId } : {};
    },
  };
}

function toRecordKillEvent(server: KillboardServer, event: Static<typeof AlbionEvent>): RecordKillEvent {
  return {
    type: 'RecordKillEvent',
    id: eventUuid(server, event.EventId),
    server,
    eventId: event.EventId,
    occurredAt: event.TimeStamp,
    fame: event.TotalVictimKillFame,
    killer: toPlayerSeen(event.Killer),
    victim: toPlayerSeen(event.Victim),
    event: withoutLifetimeStatistics(event),
  };
}

function toPlayerSeen({ Id, Name, GuildName, AllianceName }: Static<typeof AlbionPlayer>): PlayerSeen {
  return { id: Id, name: Name, guild: GuildName || null, alliance: AllianceName || null };
}

// All zeros in every event, and a third of its bytes.
function withoutLifetimeStatistics(event: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(event).map(([key, value]) => {
      if (key === 'Killer' || key === 'Victim') return [key, stripPlayer(value)];
      if (key === 'Participants' || key === 'GroupMembers') {
        return [key, Array.isArray(value) ? value.map(stripPlayer) : value];
      }
      return [key, value];
    }),
  );
}

function stripPlayer(player: unknown): unknown {
  if (typeof player !== 'object' || player === null) return player;
  const { LifetimeStatistics: _, ...rest } = player as Record<string, unknown>;
  return rest;
}
