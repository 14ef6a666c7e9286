import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Accepted } from '@killfeed/domain';
import type { JobQueue } from './backend.js';
import type { KillsJob } from './kills-queue.js';
import { createProducer, type ProducerOptions, QueueUnavailable } from './producer.js';
import { createMemoryReceipts, idOf, newEvent, newKill, until } from './test-support.js';

type AddedJob = Parameters<JobQueue['addBulk']>[0][number];

function openTestProducer(options: Partial<ProducerOptions> = {}) {
  const receipts = createMemoryReceipts();
  const writes: AddedJob[][] = [];
  const accepted: string[] = [];
  const expected: string[] = [];
  const queue: JobQueue = {
    addBulk: async (jobs) => writes.push(jobs),
    getJobCounts: async () => ({}),
    close: async () => {},
  };
  const producer = createProducer({
    queue,
    receipts,
    findSettled: async () => new Map(),
    onAccepted: (items) => accepted.push(...items.map(idOf)),
    expectJob: (jobId) => expected.push(jobId),
    ...options,
  });
  const jobs = () => writes.flat().map(({ data }) => data as KillsJob);
  return { producer, receipts, queue, writes, jobs, accepted, expected };
}

// The deadlines of the producer let a process end; the sockets of a real store keep it running until then.
let running: NodeJS.Timeout;
before(() => {
  running = setInterval(() => {}, 1000);
});
after(() => clearInterval(running));

const never = () => new Promise<never>(() => {});
const statusesOf = (results: readonly { status: string }[]) => results.map(({ status }) => status);

describe('writing', () => {
  test('puts the commands of one turn into one job', async () => {
    const { producer, writes, jobs, accepted, expected } = openTestProducer();
    const kills = Array.from({ length: 50 }, () => newKill());
    const results = await Promise.all(kills.map((kill) => producer.enqueue([kill])));
    assert.deepEqual(new Set(statusesOf(results.flat())), new Set(['accepted']));
    assert.equal(writes.length, 1);
    assert.deepEqual(jobs(), [{ version: 1, accepted: kills }]);
    assert.deepEqual(accepted, kills.map(idOf));
    const jobId = writes[0]?.[0]?.opts.jobId;
    assert.deepEqual(expected, [jobId]);
    assert.deepEqual(new Set(results.flat().map((result) => result.jobId)), new Set([jobId]));
  });

  test('writes the next turn apart', async () => {
    const { producer, writes } = openTestProducer();
    await producer.enqueue([newKill()]);
    await producer.enqueue([newKill()]);
    assert.equal(writes.length, 2);
  });

  test('puts 200 commands into a job at most, and 1000 into a write', async () => {
    const { producer, writes, jobs } = openTestProducer();
    await producer.enqueue(Array.from({ length: 2450 }, () => newKill()));
    assert.deepEqual(
      writes.map((write) => write.length),
      [5, 5, 3],
    );
    assert.deepEqual(
      jobs().map(({ accepted }) => accepted.length),
      [...Array(12).fill(200), 50],
    );
  });

  test('keeps jobs of events to 256 KiB of JSON, one larger event apart', async () => {
    const { producer, jobs } = openTestProducer();
    const large = newEvent(500_000);
    const results = await producer.enqueue([
      newEvent(100_000),
      newEvent(100_000),
      newEvent(100_000),
      large,
      newEvent(1),
    ]);
    assert.deepEqual(statusesOf(results), Array(5).fill('accepted'));
    assert.deepEqual(
      jobs().map(({ accepted }) => accepted.length),
      [2, 1, 1, 1],
    );
    assert.deepEqual(jobs()[2]?.accepted, [large]);
  });

  test('takes nothing at all', async () => {
    const { producer, writes } = openTestProducer();
    assert.deepEqual(await producer.enqueue([]), []);
    assert.equal(writes.length, 0);
  });
});

describe('an id that was used before', () => {
  test('is queued: told so, and not enqueued again unless somebody waits', async () => {
    const { producer, writes, accepted } = openTestProducer();
    const kill = newKill();
    await producer.enqueue([kill]);
    assert.deepEqual(await producer.enqueue([kill]), [{ status: 'queued' }]);
    assert.equal(writes.length, 1);
    const [again] = await producer.enqueue([kill], { requeue: true });
    assert.equal(again?.status, 'queued');
    assert.equal(again?.jobId, writes[1]?.[0]?.opts.jobId);
    assert.deepEqual(accepted, [idOf(kill)]);
  });

  test('is reserved: enqueued again, and told of, for its first writer may have failed before', async () => {
    const { producer, receipts, jobs, accepted } = openTestProducer();
    const kill = newKill();
    await receipts.reserve([kill]);
    const [result] = await producer.enqueue([kill]);
    assert.equal(result?.status, 'queued');
    assert.ok(result?.jobId);
    assert.deepEqual(jobs(), [{ version: 1, accepted: [kill] }]);
    assert.deepEqual(accepted, [idOf(kill)]);
  });

  test('is settled: told so, its reservation dropped, nothing enqueued', async () => {
    const kill = newKill();
    const { producer, receipts, writes, accepted } = openTestProducer({
      findSettled: async () => new Map([[idOf(kill), 'hash']]),
    });
    assert.deepEqual(await producer.enqueue([kill], { requeue: true }), [{ status: 'settled' }]);
    assert.deepEqual(await producer.enqueue([{ ...kill, payloadHash: 'other' }]), [{ status: 'conflict' }]);
    assert.equal(await receipts.find(idOf(kill)), null);
    assert.deepEqual([writes, accepted], [[], []]);
  });

  test('is settled and reserved by another payload: the outcome decides', async () => {
    const kill = newKill();
    const { producer, receipts } = openTestProducer({ findSettled: async () => new Map([[idOf(kill), 'hash']]) });
    await receipts.reserve([{ ...kill, payloadHash: 'other' }]);
    assert.deepEqual(await producer.enqueue([kill]), [{ status: 'settled' }]);
  });

  test('stands for another payload: conflict, reserved or queued', async () => {
    const { producer, receipts, jobs } = openTestProducer();
    const [reserved, queued] = [newKill(), newKill()];
    await receipts.reserve([reserved]);
    await producer.enqueue([queued]);
    const others = [reserved, queued].map((kill) => ({ ...kill, payloadHash: 'other' }));
    assert.deepEqual(await producer.enqueue(others, { requeue: true }), [
      { status: 'conflict' },
      { status: 'conflict' },
    ]);
    assert.deepEqual(jobs(), [{ version: 1, accepted: [queued] }]);
  });

  test('comes twice in one write: the first is accepted, its repeat queued, another payload refused', async () => {
    const { producer, jobs } = openTestProducer();
    const kill = newKill();
    const results = await producer.enqueue([kill, { ...kill, payloadHash: 'other' }, kill]);
    assert.deepEqual(statusesOf(results), ['accepted', 'conflict', 'queued']);
    assert.equal(results[2]?.jobId, results[0]?.jobId);
    assert.deepEqual(jobs(), [{ version: 1, accepted: [kill] }]);
  });

  test('comes twice in one write, the other payload first: each is judged by who holds the id', async () => {
    const { producer, receipts, jobs } = openTestProducer();
    const kill = newKill();
    await receipts.reserve([kill]);
    const results = await producer.enqueue([{ ...kill, payloadHash: 'other' }, kill]);
    assert.deepEqual(statusesOf(results), ['conflict', 'queued']);
    assert.deepEqual(jobs(), [{ version: 1, accepted: [kill] }]);
  });

  test('is not asked about where it was made a moment ago', async () => {
    const asked: string[] = [];
    const { producer } = openTestProducer({
      findSettled: async (ids) => {
        asked.push(...ids);
        return new Map();
      },
    });
    const [fresh, repeated] = [newKill(), newKill()];
    await Promise.all([producer.enqueue([fresh], { mayRepeat: false }), producer.enqueue([repeated])]);
    assert.deepEqual(asked, [idOf(repeated)]);
  });
});

describe('while PostgreSQL is away', () => {
  test('accepts at once when it cannot say what is settled, and lets it be for a while', async () => {
    let asked = 0;
    const { producer } = openTestProducer({
      findSettled: async () => {
        asked += 1;
        throw new Error('connection refused');
      },
    });
    for (let n = 0; n < 5; n += 1) assert.deepEqual(statusesOf(await producer.enqueue([newKill()])), ['accepted']);
    assert.equal(asked, 1);
  });

  test('accepts in time when it hangs', async () => {
    const { producer } = openTestProducer({ findSettled: never, timeoutMs: 1500 });
    const startedAt = performance.now();
    assert.deepEqual(statusesOf(await producer.enqueue([newKill()])), ['accepted']);
    assert.deepEqual(statusesOf(await producer.enqueue([newKill()])), ['accepted']);
    assert.ok(performance.now() - startedAt < 1400, 'both wait for it once');
  });
});

describe('while the store is away', () => {
  const isUnavailable = (error: unknown) => error instanceof QueueUnavailable;

  test('says so when it refuses, with the cause', async () => {
    const cause = new Error('READONLY');
    const receipts = { ...createMemoryReceipts(), reserve: () => Promise.reject(cause) };
    const { producer, accepted } = openTestProducer({ receipts });
    await assert.rejects(
      producer.enqueue([newKill()]),
      (error) => isUnavailable(error) && (error as Error).cause === cause,
    );
    assert.deepEqual(accepted, []);
  });

  test('says so in time when it hangs, and a repeat queues what was reserved', async () => {
    const hanging = openTestProducer();
    const { producer, receipts } = openTestProducer({
      receipts: hanging.receipts,
      queue: { ...hanging.queue, addBulk: never },
      timeoutMs: 100,
    });
    const kill = newKill();
    const startedAt = performance.now();
    await assert.rejects(producer.enqueue([kill]), isUnavailable);
    assert.ok(performance.now() - startedAt < 1000);
    assert.deepEqual(await hanging.receipts.find(idOf(kill)), kill);
    assert.deepEqual(statusesOf(await hanging.producer.enqueue([kill])), ['queued']);
    assert.deepEqual(hanging.accepted, [idOf(kill)]);
    assert.ok(receipts);
  });

  test('enqueues nothing any more when the answer to a reservation comes after the deadline', async () => {
    const inner = createMemoryReceipts();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const receipts = {
      ...inner,
      async reserve(items: readonly Accepted[]) {
        await answered;
        return inner.reserve(items);
      },
    };
    const { producer, writes, accepted } = openTestProducer({ receipts, timeoutMs: 100 });
    const kill = newKill();
    await assert.rejects(producer.enqueue([kill]), isUnavailable);
    answer();
    await until('the late reservation is made', async () => (await inner.find(idOf(kill))) !== null);
    await new Promise(setImmediate);
    assert.deepEqual([writes, accepted], [[], []]);
    // Left to the sweeper, for the caller was told that it is unknown.
    assert.equal(await openTestProducer({ receipts: inner }).producer.sweep(-1000), 1);
  });

  test('tells of a command whose job came through after the deadline', async () => {
    let added = () => {};
    const late = new Promise<void>((resolve) => {
      added = resolve;
    });
    const base = openTestProducer();
    const { producer, accepted } = openTestProducer({ queue: { ...base.queue, addBulk: () => late }, timeoutMs: 100 });
    const kill = newKill();
    await assert.rejects(producer.enqueue([kill]), isUnavailable);
    added();
    await until('the ledger is told', async () => accepted.length === 1);
    assert.deepEqual(accepted, [idOf(kill)]);
  });

  test('answers in time however many wait behind a store that hangs', async () => {
    const { producer } = openTestProducer({ receipts: { ...createMemoryReceipts(), reserve: never }, timeoutMs: 300 });
    const startedAt = performance.now();
    const kills = Array.from({ length: 6000 }, () => newKill());
    const outcomes = await Promise.allSettled(kills.map((kill) => producer.enqueue([kill])));
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && isUnavailable(outcome.reason)));
    assert.ok(performance.now() - startedAt < 1500);
  });
});

describe('sweeping', () => {
  test('enqueues reservations that never got a job, once they are old enough', async () => {
    const { producer, receipts, jobs, accepted } = openTestProducer();
    const [forgotten, queued] = [newKill(), newKill()];
    await receipts.reserve([forgotten]);
    await producer.enqueue([queued]);
    assert.equal(await producer.sweep(60_000), 0);
    assert.equal(await producer.sweep(-1000), 1);
    assert.deepEqual(jobs().at(-1), { version: 1, accepted: [forgotten] });
    assert.deepEqual(accepted, [idOf(queued), idOf(forgotten)]);
    assert.equal(await producer.sweep(-1000), 0);
    assert.deepEqual(statusesOf(await producer.enqueue([forgotten])), ['queued']);
  });

  test('fails when the store does, and finds them the next time', async () => {
    const base = openTestProducer();
    const { producer, receipts } = openTestProducer({
      queue: { ...base.queue, addBulk: () => Promise.reject(new Error('away')) },
    });
    await receipts.reserve([newKill()]);
    await assert.rejects(producer.sweep(-1000), /away/);
    assert.equal(await openTestProducer({ receipts }).producer.sweep(-1000), 1);
  });
});
