/**
 * Opened in order of need: database, queue, port, intake last, so that no job is taken by a process that cannot start.
 * Closed in reverse: intake first.
 */
import { createDatabase } from '@killfeed/db';
import { createRegistry, type Logger } from '@killfeed/observability';
import { type JobWorker, openQueueBackend } from '@killfeed/queue';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.js';
import { buildHealthServer } from './health.js';
import { createSettler } from './settle.js';
import { startKillsWorker } from './worker.js';

export interface Resources {
  readonly health: FastifyInstance;
  /**
   * Stops the intake, lets what was taken be committed, closes everything.
   *
   * @throws when that takes longer than SHUTDOWN_TIMEOUT_MS leaves for it: a store that is away is waited for without end
   */
  close(): Promise<void>;
}

/** Of SHUTDOWN_TIMEOUT_MS; the rest is for the process to end. */
const DRAIN_SHARE = 0.9;

/** @throws when the database cannot be reached: a worker has nothing to do without it; or when the port is taken */
export async function openResources(config: Config, logger: Logger, version: string): Promise<Resources> {
  const database = createDatabase({
    ...config.database,
    applicationName: 'killfeed/kills-worker',
    onIdleError: (error) => logger.warn({ reason: error.message }, 'idle database connection lost'),
  });
  const latencyMs = await database.probe();
  logger.info({ latencyMs: Math.round(latencyMs * 10) / 10 }, 'database connected successfully');

  const backend = await openQueueBackend({
    ...config.queue,
    onStateChange: (state, error) => {
      if (state === 'up') logger.info({ backend: config.queue.kind }, 'queue connected');
      else logger.warn({ backend: config.queue.kind, reason: error?.message }, 'queue connection lost');
    },
  });
  const registry = createRegistry('kills-worker');
  const settler = createSettler({ database, logger, registry, batchMax: config.batchMax });
  let draining = false;
  let worker: JobWorker | undefined;
  const health = buildHealthServer({
    database,
    backend,
    registry,
    version,
    isTakingJobs: () => worker?.isRunning() ?? false,
    isDraining: () => draining,
  });
  await health.listen({ port: config.port, host: config.host });
  worker = await startKillsWorker({ backend, settler, concurrency: config.concurrency });

  async function drain(): Promise<void> {
    await worker?.close();
    await health.close();
    await backend.close();
    await database.close();
  }

  return {
    health,
    close() {
      draining = true;
      return within(config.shutdownTimeoutMs * DRAIN_SHARE, drain());
    },
  };
}

async function within(deadlineMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not drained within ${deadlineMs} ms: what is not committed stays in the queue`));
    }, deadlineMs);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
