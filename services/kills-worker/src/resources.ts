/**
 * Opened in order of need: database, queue, intake last, so that no job arrives before it can be applied. Closed in
 * reverse: intake first.
 */
import { createDatabase } from '@killfeed/db';
import { createRegistry, type Logger } from '@killfeed/observability';
import { openQueueBackend } from '@killfeed/queue';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.js';
import { buildHealthServer } from './health.js';
import { createSettler } from './settle.js';
import { startKillsWorker } from './worker.js';

export interface Resources {
  readonly health: FastifyInstance;
  /** Stops the intake, lets what was taken be committed, closes everything. Not bounded: the caller has the deadline. */
  close(): Promise<void>;
}

/** @throws when the database cannot be reached: a worker has nothing to do without it */
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
  const worker = startKillsWorker({ backend, settler, concurrency: config.concurrency, logger });
  let draining = false;
  const health = buildHealthServer({ database, backend, registry, version, isDraining: () => draining });

  return {
    health,
    async close() {
      draining = true;
      await worker.close();
      await health.close();
      await backend.close();
      await database.close();
    },
  };
}
