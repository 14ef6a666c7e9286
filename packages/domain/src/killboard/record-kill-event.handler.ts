import { compareCodeUnits } from '../instant.js';
import { PlayerTally, type PlayerTotals } from './player-tally.js';
import type { PlayerSeen, RecordKillEvent, RecordKillEventOutcome } from './record-kill-event.command.js';

/** What became of the events, and what the new ones add to their players. */
export interface RecordedKillEvents {
  readonly outcomes: RecordKillEventOutcome[];
  readonly players: PlayerTotals[];
}

/**
 * Tells new events from repeats and adds up the new ones. Gives one outcome per command, in the same order, and one
 * total per player, sorted by (server, id) in code-unit order: who locks the rows in that order meets no deadlock.
 * @throws RangeError if a new event's time is not an ISO 8601 instant.
 */
export function recordKillEvents(
  commands: readonly RecordKillEvent[],
  settledIds: ReadonlySet<string>,
): RecordedKillEvents {
  const decidedIds = new Set<string>();
  const tallies = new Map<string, PlayerTally>();
  const outcomes = commands.map((command): RecordKillEventOutcome => {
    const { id } = command;
    if (settledIds.has(id) || decidedIds.has(id)) return { status: 'duplicate', id };
    decidedIds.add(id);
    tallyOf(command, command.killer, tallies).countKill(command);
    tallyOf(command, command.victim, tallies).countDeath(command);
    return { status: 'applied', id };
  });
  const players = [...tallies.values()].map((tally) => tally.totals).sort(compareByKey);
  return { outcomes, players };
}

function tallyOf(event: RecordKillEvent, player: PlayerSeen, tallies: Map<string, PlayerTally>): PlayerTally {
  // The same player id on two servers is two players.
  const key = `${event.server}/${player.id}`;
  const tally = tallies.get(key) ?? PlayerTally.open(event, player);
  tallies.set(key, tally);
  return tally;
}

function compareByKey(a: PlayerTotals, b: PlayerTotals): number {
  return compareCodeUnits(a.server, b.server) || compareCodeUnits(a.id, b.id);
}
