import type { Database } from '@killfeed/db';
import { type Registry, stateOf } from '@killfeed/observability';
import type { QueueBackend } from '@killfeed/queue';
import Fastify, { type FastifyInstance } from 'fastify';

interface HealthOptions {
  readonly database: Database;
  readonly backend: QueueBackend;
  readonly registry: Registry;
  readonly version: string;
  /** Takes jobs: false while draining, and when BullMQ's loop has ended by itself. */
  readonly isTakingJobs: () => boolean;
  readonly isDraining: () => boolean;
}

/** The worker's port: `/health`, `/health/live`, `/health/ready`, `/metrics`. */
export function buildHealthServer({
  database,
  backend,
  registry,
  version,
  isTakingJobs,
  isDraining,
}: HealthOptions): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true });

  app.get('/health', () => ({ status: 'ok', uptime: process.uptime(), version }));

  app.get('/health/live', () => ({ status: 'ok' }));

  // Not ready while either store is away: there is nothing this process could do then.
  app.get('/health/ready', async (_request, reply) => {
    const [databaseState, queueState] = await Promise.all([stateOf(database.probe()), stateOf(backend.ping())]);
    const draining = isDraining();
    const intake = isTakingJobs() ? 'up' : 'down';
    const ready = !draining && intake === 'up' && databaseState === 'up' && queueState === 'up';
    return reply.code(ready ? 200 : 503).send({
      status: ready ? 'ok' : 'unavailable',
      draining,
      checks: { database: databaseState, queue: queueState, intake },
    });
  });

  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));

  return app;
}
