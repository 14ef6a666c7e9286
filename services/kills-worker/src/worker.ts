import type { JobWorker, KillsJob, QueueBackend } from '@killfeed/queue';
import type { Settler } from './settle.js';

interface KillsWorkerOptions {
  readonly backend: QueueBackend;
  readonly settler: Settler;
  readonly concurrency: number;
}

/** Takes jobs; each is done when all its commands are settled in PostgreSQL, and not before. */
export function startKillsWorker({ backend, settler, concurrency }: KillsWorkerOptions): Promise<JobWorker> {
  async function process({ version, accepted }: KillsJob): Promise<void> {
    // Fails the attempt; BullMQ offers the job again, to a newer worker if there is one.
    if (version !== 1) throw new Error(`this worker does not know jobs of version ${String(version)}`);
    await Promise.all(accepted.map((item) => settler.settle(item)));
    // From here on PostgreSQL is the receipt. Where this fails, the store is away and so is the job: it is offered again,
    // its commands are found settled, and its receipts are dropped then.
    await backend.receipts.drop(accepted.map(({ command }) => command.id));
  }
  return backend.openWorker(process, concurrency);
}
