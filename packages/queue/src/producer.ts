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
  /** Told of every command that was queued, more than once of one that was repeated before its job was known. */
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

/** The payload that an id stands for, and how far it is; `new` where this write reserved it. */
interface Holder {
  readonly state: 'new' | 'reserved' | 'queued' | 'settled';
  readonly payloadHash: string;
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
    const requestsById = groupById(requests);
    const holders = await findHolders(requestsById);

    const toEnqueue: Request[] = [];
    for (const [id, [first, ...repeats]] of requestsById) {
      const holder = holders.get(id);
      if (first === undefined || holder === undefined || holder.state === 'settled') continue;
      const samePayload = [first, ...repeats].filter(({ accepted }) => accepted.payloadHash === holder.payloadHash);
      const carrier = holder.state === 'queued' ? samePayload.find(({ requeue }) => requeue) : samePayload[0];
      if (carrier !== undefined) toEnqueue.push(carrier);
    }

    // Past the deadline the callers were told "unknown"; do not begin what nobody waits for.
    deadline.throwIfAborted();
    const jobIdById = await addJobs(toEnqueue.map(({ accepted }) => accepted));
    // A reservation may be one whose writer failed before it told anybody.
    const unheard = toEnqueue.filter(({ accepted }) => holders.get(accepted.command.id)?.state !== 'queued');
    if (unheard.length > 0) onAccepted?.(unheard.map(({ accepted }) => accepted));

    return requests.map((request): EnqueueResult => {
      const { command, payloadHash } = request.accepted;
      const holder = holders.get(command.id);
      if (holder?.payloadHash !== payloadHash) return { status: 'conflict' };
      if (holder.state === 'settled') return { status: 'settled' };
      const isFirst = requestsById.get(command.id)?.[0] === request;
      const status = holder.state === 'new' && isFirst ? 'accepted' : 'queued';
      const jobId = jobIdById.get(command.id);
      return jobId === undefined ? { status } : { status, jobId };
    });
  }

  // PostgreSQL is asked about ids that are free, and about those held by another payload: a reservation may itself be
  // that of a payload which an outcome in PostgreSQL will refuse in a moment.
  async function findHolders(requestsById: ReadonlyMap<string, readonly Request[]>): Promise<Map<string, Holder>> {
    const firsts = [...requestsById.values()].flatMap((requests) => requests.slice(0, 1));
    const reservations = await receipts.reserve(firsts.map(({ accepted }) => accepted));
    const holders = new Map<string, Holder>();
    firsts.forEach(({ accepted: { command, payloadHash } }, index) => {
      const reservation = reservations[index];
      if (reservation !== undefined) holders.set(command.id, { payloadHash, ...reservation });
    });
    const inDoubt = [...requestsById].filter(([id, requests]) => {
      const { state, payloadHash } = holders.get(id) ?? {};
      return requests.some((each) => each.mayRepeat && (state === 'new' || each.accepted.payloadHash !== payloadHash));
    });
    const settled = await findSettled(inDoubt.map(([id]) => id));
    for (const [id, payloadHash] of settled) holders.set(id, { state: 'settled', payloadHash });
    if (settled.size > 0) void receipts.drop([...settled.keys()]).catch(leaveToSweeper);
    return holders;
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

function groupById(requests: readonly Request[]): Map<string, Request[]> {
  const byId = new Map<string, Request[]>();
  for (const request of requests) {
    const { id } = request.accepted.command;
    const group = byId.get(id);
    if (group === undefined) byId.set(id, [request]);
    else group.push(request);
  }
  return byId;
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
