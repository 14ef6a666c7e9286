/** The way in: commands to the queue, and back what became of them. What every accepting route stands on. */
import {
  type BatchCounts,
  classifyError,
  isTransient,
  type Ledger,
  type SettledKillReceipt,
  type SettledReader,
} from '@killfeed/db';
import type { Accepted, Command } from '@killfeed/domain';
import type { EnqueueResult, JobCompletion, Producer, Receipts } from '@killfeed/queue';
import DataLoader from 'dataloader';
import { Problem } from './problem.js';

export type KillReceipt = SettledKillReceipt | QueuedReceipt;

interface QueuedReceipt extends Pick<SettledKillReceipt, 'id' | 'heroId' | 'enemyId' | 'enemyType' | 'occurredAt'> {
  readonly status: 'queued';
  readonly acceptedAt: string;
  readonly batchId?: string;
}

export interface Intake {
  /** Takes one command; see {@link Producer.enqueue}. */
  take(
    command: Command,
    payloadHash: string,
    options: { readonly mayRepeat: boolean; readonly requeue?: boolean },
  ): Promise<EnqueueResult>;
  /** Takes items of a bulk request. */
  takeBatch(items: readonly BatchItem[], batchId: string): Promise<EnqueueResult[]>;
  /**
   * Ends a batch of which `accepted` commands were new: resolves when its status counts them, soon in any case, whatever
   * the database does.
   */
  whenBatchCounts(batchId: string, accepted: number): Promise<void>;
  /** Waits for the outcome of a kill; null if there is none after `timeoutMs`. */
  waitForOutcome(id: string, jobId: string | undefined, timeoutMs: number): Promise<SettledKillReceipt | null>;
  /** The receipt as it is now; null for an id that was never accepted. */
  findReceipt(id: string): Promise<KillReceipt | null>;
  findBatch(id: string): Promise<BatchCounts | null>;
}

export interface BatchItem {
  readonly command: Command;
  readonly payloadHash: string;
}

interface IntakeOptions {
  readonly producer: Producer;
  readonly receipts: Receipts;
  readonly completion: JobCompletion;
  readonly settled: SettledReader;
  readonly ledger: Ledger;
}

/** How often a waiting caller looks for its outcome, should the news that its job is done get lost. */
const LOOK_INTERVAL_MS = 1000;

/** How long a bulk answer waits for the ledger, so that its batch is there when the client asks for it. */
const LEDGER_WAIT_MS = 500;

export function createIntake({ producer, receipts, completion, settled, ledger }: IntakeOptions): Intake {
  // Callers whose jobs end together look for their outcomes together: one query, not one connection each.
  const outcomes = new DataLoader(
    async (ids: readonly string[]) => {
      const found = await settled.findKills(ids);
      return ids.map((id) => found.get(id) ?? null);
    },
    { cache: false, maxBatchSize: 1000 },
  );

  return {
    async take(command, payloadHash, options) {
      const [result] = await producer.enqueue([accept(command, payloadHash)], options);
      if (result === undefined) throw new Error('the producer gave no result');
      return result;
    },

    async takeBatch(items, batchId) {
      return producer.enqueue(items.map(({ command, payloadHash }) => accept(command, payloadHash, batchId)));
    },

    async whenBatchCounts(batchId, accepted) {
      // A batch without a new command is a batch all the same: its status can be asked for.
      if (accepted === 0) void ledger.append({ ids: [], acceptedAt: new Date().toISOString(), batchId });
      if (!ledger.isFailing) await Promise.race([ledger.whenStored(), pause(LEDGER_WAIT_MS)]);
    },

    async waitForOutcome(id, jobId, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const remainingMs = deadline - performance.now();
        if (jobId !== undefined) await completion.wait(jobId, Math.min(remainingMs, LOOK_INTERVAL_MS));
        const receipt = await outcomes.load(id).catch(goOnWaiting);
        if (receipt !== null || performance.now() >= deadline) return receipt;
        // Also after a job that ended: without an outcome in reach this must not turn without rest.
        await pause(Math.min(remainingMs, 50));
      }
    },

    // The receipt first: the worker drops it only after its outcome is committed, so an id that has neither was never
    // accepted, and not just missed between the two looks.
    async findReceipt(id) {
      const [held] = await Promise.allSettled([receipts.find(id)]);
      try {
        const receipt = await outcomes.load(id);
        if (receipt !== null) return receipt;
      } catch (error) {
        if (held.status === 'rejected' || held.value === null) throw error;
      }
      if (held.status === 'rejected') {
        throw new Problem('queue_unavailable', 'the queue cannot be asked for this id', { cause: held.reason });
      }
      return held.value === null ? null : toQueuedReceipt(held.value);
    },

    findBatch: (id) => settled.findBatch(id),
  };
}

function accept(command: Command, payloadHash: string, batchId?: string): Accepted {
  const acceptedAt = new Date().toISOString();
  return { command, payloadHash, acceptedAt, ...(batchId === undefined ? {} : { batchId }) };
}

function toQueuedReceipt({ command, acceptedAt, batchId }: Accepted): QueuedReceipt | null {
  if (command.type !== 'KillEnemy') return null;
  const { id, heroId, enemyId, enemyType = null, occurredAt = null } = command;
  const receipt = { id, status: 'queued' as const, heroId, enemyId, enemyType, occurredAt, acceptedAt };
  return batchId === undefined ? receipt : { ...receipt, batchId };
}

// With the database away there is no outcome yet; anything else is an error.
function goOnWaiting(error: unknown): null {
  const classified = classifyError(error);
  if (isTransient(classified) || classified.class === 'fatal') return null;
  throw error;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
