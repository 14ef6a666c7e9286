/**
 * Accepting a command is: reserve its id, enqueue it, answer. Reservation and job cannot be written in one step on
 * either store, so a repeat of a reserved id enqueues it again and the sweeper does the same for ids nobody repeats;
 * a job too many is harmless, since the worker applies an id once.
 *
 * Commands that arrive in one turn of the event loop, or while earlier writes are out, are written together.
 */
import type { Accepted } from '@killfeed/domain';
import { v7 as uuidv7 } from 'uuid';
import type { JobQueue } from './backend.js';
import { JOB_CHARACTERS_MAX, JOB_COMMANDS_MAX, JOB_NAME, JOB_OPTIONS } from './kills-queue.js';
import type { Receipts } from './receipts.js';

/**
 * - `accepted`: new, and queued now.
 * - `queued`: the same id and payload was taken before and is not settled.
 * - `settled`: the same id and payload was applied, rejected or put away before.
 * - `conflict`: the id stands for another payload.
 */
export type EnqueueStatus = 'accepted' | 'queued' | 'settled' | 'conflict';

export interface EnqueueResult {
  readonly status: EnqueueStatus;
  /** The job that carries the command, where this call enqueued one. */
  readonly jobId?: string;
}

export interface EnqueueOptions {
  /** The ids may have been used before: ask PostgreSQL too. Not needed for ids made a moment ago. Default true. */
  readonly mayRepeat?: boolean;
  /** Enqueue ids that are queued already once more, so that there is a job to wait for. Default false. */
  readonly requeue?: boolean;
}

export interface Producer {
  /**
   * Takes commands; one result for each, in order.
   *
   * @throws {QueueUnavailable} when the store did not answer in time. The commands may or may not be queued then;
   *   repeating the call with the same ids is safe.
   */
  enqueue(accepted: readonly Accepted[], options?: EnqueueOptions): Promise<EnqueueResult[]>;
  /** Enqueues reservations older than `ageMs` that never got a job; answers how many. */
  sweep(ageMs: number): Promise<number>;
}

export interface ProducerOptions {
  readonly queue: JobQueue;
  readonly receipts: Receipts;
  /** Payload hashes of the ids that are settled, from PostgreSQL. */
  readonly findSettled: (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>;
  /** Told of every command that was queued for the first time. */
  readonly onAccepted?: (accepted: readonly Accepted[]) => void;
  /** Called with a job's id before the job is there, if somebody will wait for it. */
  readonly expectJob?: (jobId: string) => void;
  /** From taking a command to the store's answer, in ms. Default 1500. */
  readonly timeoutMs?: number;
}

/** The queue's store cannot be reached or does not answer. */
export class QueueUnavailable extends Error {
  override readonly name = 'QueueUnavailable';
}

interface Request {
  readonly accepted: Accepted;
  readonly mayRepeat: boolean;
  readonly requeue: boolean;
  /** When it was taken, by performance.now(). */
  readonly since: number;
  readonly resolve: (result: EnqueueResult) => void;
  readonly reject: (error: Error) => void;
}

/** Commands in one write. */
const WRITE_COMMANDS_MAX = 1000;
/** Writes in flight: while so many are out the next one gathers, so a slow store gets fewer, larger writes. */
const WRITES_MAX = 4;
/** What a write gets that began late, because those before it hung: together they stay close to `timeoutMs`. */
const WRITE_TIMEOUT_LEAST_MS = 250;
const SWEEP_COMMANDS_MAX = 1000;

/** How long PostgreSQL may take to say which ids are settled, and how long it is left alone after it did not. */
const SETTLED_TIMEOUT_MS = 500;
const SETTLED_PAUSE_MS = 1000;

export function createProducer(options: ProducerOptions): Producer {
  const { queue, receipts, onAccepted, expectJob, timeoutMs = 1500 } = options;
  const findSettled = skipWhileFailing(options.findSettled);
  let waiting: Request[] = [];
  let writes = 0;
  let scheduled = false;

  function schedule(request: Request): void {
    waiting.push(request);
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      startWrites();
    });
  }

  function startWrites(): void {
    while (waiting.length > 0 && writes < WRITES_MAX) {
      const requests = waiting.slice(0, WRITE_COMMANDS_MAX);
      waiting = waiting.slice(WRITE_COMMANDS_MAX);
      writes += 1;
      void write(requests)
        .catch((error) => {
          const unavailable = new QueueUnavailable('the queue did not take the command', { cause: error });
          for (const request of requests) request.reject(unavailable);
        })
        .finally(() => {
          writes -= 1;
          startWrites();
        });
    }
  }

  async function write(requests: readonly Request[]): Promise<void> {
    const [oldest] = requests;
    const waitedMs = performance.now() - (oldest?.since ?? 0);
    const deadline = AbortSignal.timeout(Math.max(WRITE_TIMEOUT_LEAST_MS, Math.ceil(timeoutMs - waitedMs)));
    const results = await inTime(deadline, decide(requests, deadline));
    requests.forEach((request, index) => {
      request.resolve(results[index] ?? { status: 'conflict' });
    });
  }

  async function decide(requests: readonly Request[], deadline: AbortSignal): Promise<EnqueueResult[]> {
    const firstById = new Map<string, Request>();
    for (const request of requests) {
      const { id } = request.accepted.command;
      if (!firstById.has(id)) firstById.set(id, request);
    }
    const firsts = [...firstById.values()];
    const reservations = await receipts.reserve(firsts.map(({ accepted }) => accepted));
    const newIds = firsts
      .filter((_, index) => reservations[index]?.state === 'new')
      .filter(({ mayRepeat }) => mayRepeat);
    const settled = await findSettled(newIds.map(({ accepted }) => accepted.command.id));

    const statusById = new Map<string, EnqueueStatus>();
    const toEnqueue: Request[] = [];
    firsts.forEach((request, index) => {
      const { command, payloadHash } = request.accepted;
      const reservation = reservations[index];
      if (reservation === undefined) return;
      const heldHash = reservation.state === 'new' ? settled.get(command.id) : reservation.payloadHash;
      if (heldHash === undefined) {
        statusById.set(command.id, 'accepted');
        toEnqueue.push(request);
      } else if (heldHash !== payloadHash) {
        statusById.set(command.id, 'conflict');
      } else {
        statusById.set(command.id, reservation.state === 'new' ? 'settled' : 'queued');
        if (reservation.state === 'reserved' || (reservation.state === 'queued' && request.requeue)) {
          toEnqueue.push(request);
        }
      }
    });
    if (settled.size > 0) void receipts.drop([...settled.keys()]).catch(leaveToSweeper);

    // Past the deadline the callers were told "unknown"; do not begin what nobody waits for.
    deadline.throwIfAborted();
    const jobIdById = await addJobs(toEnqueue.map(({ accepted }) => accepted));
    const accepted = toEnqueue.filter((request) => statusById.get(request.accepted.command.id) === 'accepted');
    if (accepted.length > 0) onAccepted?.(accepted.map((request) => request.accepted));

    return requests.map((request): EnqueueResult => {
      const { command, payloadHash } = request.accepted;
      const first = firstById.get(command.id);
      const status = statusById.get(command.id) ?? 'conflict';
      const jobId = jobIdById.get(command.id);
      const withJob = jobId === undefined ? {} : { jobId };
      if (first === request || status === 'conflict') return { status, ...withJob };
      // A repeat within the same write: of the first one's payload, or of another.
      if (first?.accepted.payloadHash !== payloadHash) return { status: 'conflict' };
      return { status: status === 'accepted' ? 'queued' : status, ...withJob };
    });
  }

  async function addJobs(accepted: readonly Accepted[]): Promise<Map<string, string>> {
    const jobIdById = new Map<string, string>();
    if (accepted.length === 0) return jobIdById;
    const jobs = intoJobs(accepted).map((commands) => {
      const jobId = uuidv7();
      for (const { command } of commands) jobIdById.set(command.id, jobId);
      expectJob?.(jobId);
      return { name: JOB_NAME, data: { version: 1 as const, accepted: commands }, opts: { ...JOB_OPTIONS, jobId } };
    });
    await queue.addBulk(jobs);
    void receipts.markQueued([...jobIdById.keys()]).catch(leaveToSweeper);
    return jobIdById;
  }

  return {
    enqueue(accepted, { mayRepeat = true, requeue = false } = {}) {
      return Promise.all(
        accepted.map(
          (item) =>
            new Promise<EnqueueResult>((resolve, reject) => {
              schedule({ accepted: item, mayRepeat, requeue, since: performance.now(), resolve, reject });
            }),
        ),
      );
    },

    async sweep(ageMs) {
      const forgotten = await receipts.listUnqueued(new Date(Date.now() - ageMs), SWEEP_COMMANDS_MAX);
      await addJobs(forgotten);
      if (forgotten.length > 0) onAccepted?.(forgotten);
      return forgotten.length;
    },
  };
}

function intoJobs(accepted: readonly Accepted[]): Accepted[][] {
  const jobs: Accepted[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const item of accepted) {
    const size = item.command.type === 'RecordKillEvent' ? JSON.stringify(item).length : 0;
    const current = jobs.at(-1);
    if (current === undefined || current.length >= JOB_COMMANDS_MAX || characters + size > JOB_CHARACTERS_MAX) {
      jobs.push([item]);
      characters = size;
    } else {
      current.push(item);
      characters += size;
    }
  }
  return jobs;
}

// With PostgreSQL down a repeat is not recognised here; the worker recognises it. Accepting must not wait for that.
function skipWhileFailing(findSettled: ProducerOptions['findSettled']): ProducerOptions['findSettled'] {
  let failedAt = Number.NEGATIVE_INFINITY;
  return async (ids) => {
    if (ids.length === 0 || performance.now() - failedAt < SETTLED_PAUSE_MS) return new Map();
    try {
      return await inTime(AbortSignal.timeout(SETTLED_TIMEOUT_MS), findSettled(ids));
    } catch {
      failedAt = performance.now();
      return new Map();
    }
  };
}

function inTime<T>(deadline: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(deadline.reason);
    deadline.addEventListener('abort', expire, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener('abort', expire));
  });
}

function leaveToSweeper(): void {}
