import type { Logger } from '@killfeed/observability';
import type { JobWorker, KillsJob, QueueBackend } from '@killfeed/queue';
import type { Settler } from './settle.js';

interface KillsWorkerOptions {
  readonly backend: QueueBackend;
  readonly settler: Settler;
  readonly concurrency: number;
  readonly logger: Logger;
}

/** Takes jobs; each is done when all its commands are settled in PostgreSQL, and not before. */
export function startKillsWorker({ backend, settler, concurrency, logger }: KillsWorkerOptions): JobWorker {
  async function process({ version, accepted }: KillsJob): Promise<void> {
    // Fails the attempt; BullMQ offers the job again, to a newer worker if there is one.
    if (version !== 1) throw new Error(`this worker does not know jobs of version ${String(version)}`);
    await Promise.all(accepted.map((item) => settler.settle(item)));
    try {
      // From here on PostgreSQL is the receipt.
      await backend.receipts.drop(accepted.map(({ command }) => command.id));
    } catch (error) {
      // The store is away, so the job cannot end either: it is offered again, found done, and dropped then.
      logger.debug({ err: error }, 'receipts stay until the job is offered again');
    }
  }
  return backend.openWorker(process, concurrency);
}
