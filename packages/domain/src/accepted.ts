import type { Command } from './commands.js';

/** A command as the queue carries it: what was answered 202. */
export interface Accepted<C extends Command = Command> {
  readonly command: C;
  /** Tells a repeat of the same payload from another payload under the same id. */
  readonly payloadHash: string;
  /** ISO 8601, by the clock of the API that accepted it. */
  readonly acceptedAt: string;
  /** Present when the command came in a bulk request. */
  readonly batchId?: string;
}
