import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { idOf, newEvent, newKill, openTestProducer, statusesOf } from './test-support.js';

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
