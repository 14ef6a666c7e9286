import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Accepted } from '@killfeed/domain';
import { QueueUnavailable } from './producer.js';
import { createMemoryReceipts, idOf, newKill, openTestProducer, statusesOf, until } from './test-support.js';

// The deadlines of the producer let a process end; the sockets of a real store keep it running until then.
let running: NodeJS.Timeout;
before(() => {
  running = setInterval(() => {}, 1000);
});
after(() => clearInterval(running));

const never = () => new Promise<never>(() => {});

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
