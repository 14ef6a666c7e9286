import { compareCodeUnits, instantKey } from '../instant.js';
import type { PlayerSeen, RecordKillEvent } from './record-kill-event.command.js';
import type { KillboardServer } from './server.js';

/** What a set of events adds to one player. */
export interface PlayerTotals {
  readonly server: KillboardServer;
  readonly id: string;
  /** Name, guild and alliance are those of the event at `lastSeen`; of several at that instant, the highest eventId. */
  readonly name: string;
  readonly guild: string | null;
  readonly alliance: string | null;
  readonly kills: number;
  readonly deaths: number;
  /** Fame of the kills, and of the deaths. */
  readonly killFame: number;
  readonly deathFame: number;
  /** `occurredAt` of the earliest and the latest event, as received. */
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** When a player was seen, and how it looked then. */
interface Sighting {
  readonly player: PlayerSeen;
  readonly occurredAt: string;
  readonly instant: string;
  readonly eventId: number;
}

/**
 * Adds up the events of one player.
 * - The sums, and who the player is, do not depend on the order in which its events are counted.
 * - Whoever counts must count each event once per role: a player that killed itself has one kill and one death.
 */
export class PlayerTally {
  #kills = 0;
  #deaths = 0;
  #killFame = 0;
  #deathFame = 0;
  #first: Sighting;
  #last: Sighting;

  private constructor(
    readonly server: KillboardServer,
    sighting: Sighting,
  ) {
    this.#first = sighting;
    this.#last = sighting;
  }

  /** An empty tally for a player of this event. @throws RangeError if the event's time is not an ISO 8601 instant. */
  static open(event: RecordKillEvent, player: PlayerSeen): PlayerTally {
    return new PlayerTally(event.server, sightingIn(event, player));
  }

  /** @throws RangeError if the event's time is not an ISO 8601 instant. */
  countKill(event: RecordKillEvent): void {
    this.#see(sightingIn(event, event.killer));
    this.#kills += 1;
    this.#killFame += event.fame;
  }

  /** @throws RangeError if the event's time is not an ISO 8601 instant. */
  countDeath(event: RecordKillEvent): void {
    this.#see(sightingIn(event, event.victim));
    this.#deaths += 1;
    this.#deathFame += event.fame;
  }

  get totals(): PlayerTotals {
    const { id, name, guild, alliance } = this.#last.player;
    return {
      server: this.server,
      id,
      name,
      guild,
      alliance,
      kills: this.#kills,
      deaths: this.#deaths,
      killFame: this.#killFame,
      deathFame: this.#deathFame,
      firstSeen: this.#first.occurredAt,
      lastSeen: this.#last.occurredAt,
    };
  }

  #see(sighting: Sighting): void {
    if (compareSightings(sighting, this.#first) < 0) this.#first = sighting;
    if (compareSightings(sighting, this.#last) > 0) this.#last = sighting;
  }
}

function sightingIn({ occurredAt, eventId }: RecordKillEvent, player: PlayerSeen): Sighting {
  return { player, occurredAt, instant: instantKey(occurredAt), eventId };
}

/** The game numbers its events roughly in time, so the number decides between events of the same instant. */
function compareSightings(a: Sighting, b: Sighting): number {
  return compareCodeUnits(a.instant, b.instant) || a.eventId - b.eventId;
}
