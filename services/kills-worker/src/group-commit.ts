/**
 * Many commands, one transaction. While a commit is out the next batch gathers; a committer with nothing to do commits
 * at once, so there is no timer and no waiting at low load.
 */
import { type ClassifiedError, classifyError, isTransient } from '@killfeed/db';
import pRetry from 'p-retry';

export interface GroupCommitOptions<Command, Outcome> {
  /** Commands in one transaction at most. */
  readonly batchMax: number;
  /**
   * Applies a batch in one transaction; one outcome for each command, in order. Must be safe to repeat: a batch whose
   * COMMIT went unanswered is committed again.
   */
  readonly commit: (batch: readonly Command[], attempt: number) => Promise<readonly Outcome[]>;
  /** Puts away the one command that cannot be applied. Repeated while its failures may pass. */
  readonly bury: (command: Command, error: ClassifiedError, attempts: number) => Promise<Outcome>;
  /** Told of every commit. */
  readonly onCommit?: (commands: number, durationMs: number) => void;
  /** Told of every failure that is tried again. */
  readonly onRetry?: (error: ClassifiedError, attempt: number) => void;
  /** First and longest pause before a repeat, in ms; doubled each time, jittered. Default 50 and 5000. */
  readonly backoffMs?: { readonly first: number; readonly longest: number };
}

export interface GroupCommit<Command, Outcome> {
  /** Resolves when the command's outcome is committed. Rejects only where it could not even be buried. */
  push(command: Command): Promise<Outcome>;
  /** Commands taken and not settled. */
  readonly pending: number;
}

interface Waiting<Command, Outcome> {
  readonly command: Command;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Rival commits of one id settle themselves: the next try finds the winner's row. */
const UNIQUE_VIOLATION = '23505';
const RIVAL_RETRIES_MAX = 2;

export function createGroupCommit<Command, Outcome>(
  options: GroupCommitOptions<Command, Outcome>,
): GroupCommit<Command, Outcome> {
  const { batchMax, commit, bury, onCommit, onRetry, backoffMs = { first: 50, longest: 5000 } } = options;
  type Batch = readonly Waiting<Command, Outcome>[];
  let waiting: Waiting<Command, Outcome>[] = [];
  let pending = 0;
  let running = false;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchMax);
      waiting = waiting.slice(batchMax);
      await settle(batch, 1);
    }
    running = false;
  }

  async function settle(batch: Batch, firstAttempt: number, rivalRetries = 0): Promise<void> {
    let attempt = firstAttempt;
    try {
      const outcomes = await untilItPasses(() => timed(batch, attempt++));
      batch.forEach(({ resolve }, index) => {
        resolve(outcomes[index] as Outcome);
      });
    } catch (error) {
      const classified = classifyError(error);
      if (classified.sqlState === UNIQUE_VIOLATION && rivalRetries < RIVAL_RETRIES_MAX) {
        await settle(batch, attempt, rivalRetries + 1);
      } else {
        await isolate(batch, classified, attempt);
      }
    }
  }

  // The database refuses something in this batch and always will: halve it until the culprit stands alone, so that
  // the others are applied.
  async function isolate(batch: Batch, error: ClassifiedError, attempt: number): Promise<void> {
    const [only] = batch;
    if (batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await settle(batch.slice(0, middle), attempt);
      await settle(batch.slice(middle), attempt);
    } else if (only !== undefined) {
      await untilItPasses(() => bury(only.command, error, attempt - 1)).then(only.resolve, only.reject);
    }
  }

  async function timed(batch: Batch, attempt: number): Promise<readonly Outcome[]> {
    const startedAt = performance.now();
    const outcomes = await commit(
      batch.map(({ command }) => command),
      attempt,
    );
    onCommit?.(batch.length, performance.now() - startedAt);
    return outcomes;
  }

  // For ever: the commands stay in the queue's care as long as their promises are open, so that no attempt of theirs
  // is burnt by a database that is down, and a full window of them stops the intake.
  function untilItPasses<T>(work: () => Promise<T>): Promise<T> {
    return pRetry(work, {
      retries: Number.POSITIVE_INFINITY,
      factor: 2,
      minTimeout: backoffMs.first,
      maxTimeout: backoffMs.longest,
      randomize: true,
      shouldRetry: ({ error }) => isRepeatable(classifyError(error)),
      onFailedAttempt: ({ error, attemptNumber }) => {
        const classified = classifyError(error);
        if (isRepeatable(classified)) onRetry?.(classified, attemptNumber);
      },
    });
  }

  return {
    push(command) {
      pending += 1;
      const settled = new Promise<Outcome>((resolve, reject) => {
        waiting.push({ command, resolve, reject });
      });
      if (!running) {
        running = true;
        // Not in this very call: the commands of one job are pushed one after the other and belong together.
        queueMicrotask(run);
      }
      return settled.finally(() => {
        pending -= 1;
      });
    },
    get pending() {
      return pending;
    },
  };
}

// A fatal error (no such table, wrong password) says nothing about the commands; somebody has to mend the server.
function isRepeatable(error: ClassifiedError): boolean {
  return isTransient(error) || error.class === 'fatal';
}
