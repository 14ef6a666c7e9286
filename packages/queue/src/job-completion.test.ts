import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { JobEvents } from './backend.js';
import { createJobCompletion } from './job-completion.js';

/** Longer than a test may take: whoever waits for it is too late. */
const LONG_MS = 30_000;

function openTestCompletion() {
  const events = new EventEmitter();
  const completion = createJobCompletion(events as unknown as JobEvents);
  return { completion, end: (jobId: string, event = 'completed') => events.emit(event, { jobId }) };
}

for (const event of ['completed', 'failed']) {
  test(`tells everybody who waits when the job has ${event}`, { timeout: 10_000 }, async () => {
    const { completion, end } = openTestCompletion();
    completion.expect('1');
    const waiting = [completion.wait('1', LONG_MS), completion.wait('1', LONG_MS)];
    end('1', event);
    await Promise.all(waiting);
  });
}

test('tells a waiter that comes after the job has ended', { timeout: 10_000 }, async () => {
  const { completion, end } = openTestCompletion();
  completion.expect('1');
  end('1');
  await completion.wait('1', LONG_MS);
  await completion.wait('1', LONG_MS);
});

test('lets a waiter go when its time is over', async () => {
  const { completion, end } = openTestCompletion();
  completion.expect('1');
  const startedAt = performance.now();
  await completion.wait('1', 30);
  await completion.wait('a job that nobody expects', 30);
  assert.ok(performance.now() - startedAt >= 59);
  end('1');
});

test('hears nothing of other jobs', async () => {
  const { completion, end } = openTestCompletion();
  completion.expect('1');
  end('2');
  assert.equal(await Promise.race([completion.wait('1', 30), nextTurn()]), 'nothing yet');
});

test('watches for 50,000 jobs and lets the oldest go', { timeout: 10_000 }, async () => {
  const { completion, end } = openTestCompletion();
  for (let n = 0; n <= 50_000; n += 1) completion.expect(`${n}`);
  for (const jobId of ['0', '1', '50000']) end(jobId);
  await Promise.all([completion.wait('1', LONG_MS), completion.wait('50000', LONG_MS)]);
  assert.equal(await Promise.race([completion.wait('0', 30), nextTurn()]), 'nothing yet');
});

function nextTurn(): Promise<string> {
  return new Promise((resolve) => {
    setImmediate(resolve, 'nothing yet');
  });
}
