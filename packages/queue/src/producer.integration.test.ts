import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { JobEvents, JobQueue } from './backend.js';
import { createJobCompletion, type JobCompletion } from './job-completion.js';
import type { KillsJob } from './kills-queue.js';
import { createProducer, type Producer } from './producer.js';
import { idOf, leftOut, newEvent, newKill, openTestQueue, QUEUES, type TestQueue, until } from './test-support.js';

for (const kind of QUEUES) {
  describe(`from producer to worker (${kind})`, { skip: await leftOut(kind) }, () => {
    let store: TestQueue;
    let queue: JobQueue;
    let events: JobEvents;
    let completion: JobCompletion;
    let producer: Producer;
    before(async () => {
      store = await openTestQueue(kind);
      queue = await store.backend.openQueue();
      events = await store.backend.openQueueEvents();
      completion = createJobCompletion(events);
      producer = createProducer({
        queue,
        receipts: store.backend.receipts,
        findSettled: async () => new Map(),
        expectJob: completion.expect,
        timeoutMs: 5000,
      });
    });
    after(async () => {
      await events.close();
      await queue.close();
      await store.close();
    });

    /** Takes every job there is, as a worker in another process would. */
    async function drain(process: (job: KillsJob) => Promise<void> = async () => {}): Promise<KillsJob[]> {
      const jobs: KillsJob[] = [];
      const backend = await store.open();
      const worker = await backend.openWorker(async (job) => {
        jobs.push(job);
        await process(job);
        await backend.receipts.drop(job.accepted.map(idOf));
      }, 2);
      try {
        await until('nothing is queued', async () => (await countJobs()) === 0);
      } finally {
        await worker.close();
      }
      return jobs;
    }

    async function countJobs(): Promise<number> {
      return Object.values(await queue.getJobCounts()).reduce((sum, count) => sum + count, 0);
    }

    test('carries commands as they were accepted', async () => {
      const commands = [
        newKill({ enemyType: 'TROLL', occurredAt: '2026-01-01T00:00:00Z' }),
        newEvent(300_000),
        newKill(),
      ];
      await producer.enqueue(commands);
      const jobs = await drain();
      assert.ok(jobs.every(({ version }) => version === 1));
      const byId = new Map(jobs.flatMap(({ accepted }) => accepted.map((each) => [idOf(each), each])));
      assert.deepEqual(
        commands.map((each) => byId.get(idOf(each))),
        commands,
      );
    });

    test('makes one job of what comes in one turn', async () => {
      const kills = Array.from({ length: 100 }, () => newKill());
      await Promise.all(kills.map((kill) => producer.enqueue([kill])));
      assert.equal(await countJobs(), 1);
      const [job] = await drain();
      assert.deepEqual(job?.accepted, kills);
    });

    test('marks what it queued, so that the sweep leaves it alone', async () => {
      const kill = newKill();
      await producer.enqueue([kill]);
      await until('it is marked', async () => (await producer.sweep(-60_000)) === 0);
      assert.deepEqual(await producer.enqueue([kill]), [{ status: 'queued' }]);
      const taken = (await drain()).flatMap(({ accepted }) => accepted.map(idOf));
      assert.ok(taken.includes(idOf(kill)));
      assert.equal(await store.backend.receipts.find(idOf(kill)), null);
    });

    test('sweeps a reservation that never got a job into the queue', async () => {
      const kill = newKill();
      await store.backend.receipts.reserve([kill]);
      assert.equal(await countJobs(), 0);
      await producer.sweep(-60_000);
      const jobs = await drain();
      assert.deepEqual(
        jobs.flatMap(({ accepted }) => accepted),
        [kill],
      );
    });

    test('accepts one of many rivals that post one id with payloads of their own', async () => {
      const kill = newKill();
      const rivals = Array.from({ length: 20 }, (_, n) => ({ ...kill, payloadHash: `hash-${n}` }));
      const statuses = (await Promise.all(rivals.map((rival) => producer.enqueue([rival])))).flat();
      const counts = statuses.map(({ status }) => status).sort();
      assert.deepEqual(counts, ['accepted', ...Array(19).fill('conflict')]);
      assert.equal((await drain()).flatMap(({ accepted }) => accepted).length, 1);
    });

    test('tells a waiter when the job is done, and not before', async () => {
      const [result] = await producer.enqueue([newKill()]);
      let done = false;
      const waiting = completion.wait(result?.jobId ?? '', 20_000).then(() => {
        done = true;
      });
      await drain(async () => {
        await new Promise(setImmediate);
        assert.equal(done, false);
      });
      await waiting;
    });

    test('offers a job again whose processing failed', async () => {
      await producer.enqueue([newKill()]);
      let attempts = 0;
      const jobs = await drain(async () => {
        attempts += 1;
        if (attempts === 1) throw new Error('not now');
      });
      assert.equal(attempts, 2);
      assert.deepEqual(jobs[0], jobs[1]);
    });
  });
}
