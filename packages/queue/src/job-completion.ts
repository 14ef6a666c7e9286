import type { JobEvents } from './backend.js';

/** Tells when a job is done. */
export interface JobCompletion {
  /** Begins to watch for a job that is about to be added. */
  expect(jobId: string): void;
  /** Resolves when the job has ended or `timeoutMs` are over, whichever is first. Never rejects. */
  wait(jobId: string, timeoutMs: number): Promise<void>;
}

/** Jobs watched for at a time; the oldest are let go, and their waiters wait until their time is over. */
const EXPECTED_JOBS_MAX = 50_000;

interface Expected {
  readonly ended: Promise<void>;
  readonly end: () => void;
}

export function createJobCompletion(events: JobEvents): JobCompletion {
  const expected = new Map<string, Expected>();
  // An ended job stays until newer ones push it out: its waiter may come after the news.
  const end = ({ jobId }: { jobId: string }) => expected.get(jobId)?.end();
  events.on('completed', end);
  events.on('failed', end);
  return {
    expect(jobId) {
      let resolve = () => {};
      const ended = new Promise<void>((settle) => {
        resolve = settle;
      });
      expected.set(jobId, { ended, end: resolve });
      const [oldest] = expected.keys();
      if (expected.size > EXPECTED_JOBS_MAX && oldest !== undefined) expected.delete(oldest);
    },
    wait(jobId, timeoutMs) {
      const ended = expected.get(jobId)?.ended;
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        ended?.then(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}
