import type { Accepted } from '@killfeed/domain';

/**
 * Receipts of commands that were taken and are not settled yet, in the queue's own store. A receipt begins as a
 * reservation, counts as queued once a job carries its command, and is dropped when the outcome is in PostgreSQL.
 */
export interface Receipts {
  /** Reserves the ids that are free, each at once; tells of the others who holds them. Ids must be distinct. */
  reserve(accepted: readonly Accepted[]): Promise<Reservation[]>;
  /** Notes that jobs carry these commands now. */
  markQueued(ids: readonly string[]): Promise<void>;
  drop(ids: readonly string[]): Promise<void>;
  find(id: string): Promise<Accepted | null>;
  /** Which of these ids have a receipt. */
  findHeld(ids: readonly string[]): Promise<Set<string>>;
  /** Reservations made before `before` that no job is known to carry, the oldest first. */
  listUnqueued(before: Date, limit: number): Promise<Accepted[]>;
}

export type Reservation =
  | { readonly state: 'new' }
  | { readonly state: 'reserved' | 'queued'; readonly payloadHash: string };
