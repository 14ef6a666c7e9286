import type { KillEnemy, KillOutcome } from './combat/kill-enemy.command.js';
import type { RecordKillEvent, RecordKillEventOutcome } from './killboard/record-kill-event.command.js';

/** Everything that can be asked of the domain; `type` tells which. */
export type Command = KillEnemy | RecordKillEvent;

/** What became of a command. Final: the same id never gets a second one, only `duplicate`. */
export type Outcome = KillOutcome | RecordKillEventOutcome;
