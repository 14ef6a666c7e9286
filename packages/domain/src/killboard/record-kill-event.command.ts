import type { KillboardServer } from './server.js';

/** A player as one event shows it: names, guilds and alliances change, the id does not. */
export interface PlayerSeen {
  readonly id: string;
  readonly name: string;
  readonly guild: string | null;
  readonly alliance: string | null;
}

/** A player has killed a player on an Albion Online server. */
export interface RecordKillEvent {
  readonly type: 'RecordKillEvent';
  /** UUID derived from (server, eventId), so that the feed may repeat an event for ever. */
  readonly id: string;
  readonly server: KillboardServer;
  /** Unique per server only. */
  readonly eventId: number;
  /** The event's TimeStamp as received: ISO 8601 in ticks of 100 ns, with 3 to 9 fraction digits. */
  readonly occurredAt: string;
  /** TotalVictimKillFame, from 0. */
  readonly fame: number;
  readonly killer: PlayerSeen;
  readonly victim: PlayerSeen;
  /** The event as received, without LifetimeStatistics. */
  readonly event: unknown;
}

/** An event breaks no rule: it is new or it is not. */
export type RecordKillEventOutcome =
  | { readonly status: 'applied'; readonly id: string }
  | { readonly status: 'duplicate'; readonly id: string };
