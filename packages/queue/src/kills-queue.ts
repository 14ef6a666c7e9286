/** The queue's names, what a job carries, and the job options that lose nothing. */
import type { Accepted } from '@killfeed/domain';
import type { JobsOptions, WorkerOptions } from 'bullmq';

export const QUEUE_NAME = 'kills';
export const JOB_NAME = 'commands';

/** One job carries the commands of one event-loop turn of the API, or a piece of a bulk request. */
export interface KillsJob {
  /** Shape of this object; raised when it changes, so that a worker can tell a job of another version. */
  readonly version: 1;
  readonly accepted: readonly Accepted[];
}

/** Commands in a job, and characters of their JSON: small enough that a redelivered job repeats little. */
export const JOB_COMMANDS_MAX = 200;
export const JOB_CHARACTERS_MAX = 256 * 1024;

export const JOB_OPTIONS: JobsOptions = {
  // The worker retries what may pass on a second try by itself; attempts are for what it did not foresee.
  attempts: 20,
  backoff: { type: 'exponential', delay: 500, jitter: 0.5 },
  // The outcomes are in PostgreSQL; a finished job is only memory.
  removeOnComplete: true,
  removeOnFail: false,
};

export const WORKER_OPTIONS = {
  // A worker killed in mid-work is found out after 10 to 20 s instead of BullMQ's 30 to 60.
  lockDuration: 10_000,
  stalledInterval: 5000,
  // BullMQ fails a job for good on its second stall, whatever `attempts` says; here a repeat is harmless, a loss is not.
  maxStalledCount: 1_000_000,
} satisfies Partial<WorkerOptions>;
