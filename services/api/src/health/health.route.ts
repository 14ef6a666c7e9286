import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { stateOf } from '@killfeed/observability';
import { Type } from 'typebox';

/** What health asks of the rest of the process. */
export interface HealthChecks {
  readonly version: string;
  /** @throws when the queue does not answer */
  pingQueue(): Promise<unknown>;
  /** @throws when the database does not answer */
  probeDatabase(): Promise<unknown>;
  isDraining(): boolean;
}

const State = Type.Enum(['up', 'down']);

const Readiness = Type.Object({
  status: Type.Enum(['ok', 'degraded', 'unavailable']),
  draining: Type.Boolean(),
  checks: Type.Object({ queue: State, database: State }),
});

export const health: FastifyPluginAsyncTypebox<{ checks: HealthChecks }> = async (app, { checks }) => {
  app.route({
    method: 'GET',
    url: '/',
    schema: { summary: 'Healthy', tags: ['health'], response: { 200: { type: 'string' } } },
    handler: async () => 'Healthy',
  });

  app.route({
    method: 'GET',
    url: '/health',
    schema: {
      summary: 'The process can serve',
      tags: ['health'],
      response: {
        200: Type.Object({
          status: Type.Literal('ok'),
          uptime: Type.Number({ description: 'Seconds' }),
          version: Type.String(),
        }),
      },
    },
    handler: async () => ({ status: 'ok' as const, uptime: process.uptime(), version: checks.version }),
  });

  app.route({
    method: 'GET',
    url: '/health/live',
    schema: {
      summary: 'Liveness: touches nothing',
      tags: ['health'],
      response: { 200: Type.Object({ status: Type.Literal('ok') }) },
    },
    handler: async () => ({ status: 'ok' as const }),
  });

  app.route({
    method: 'GET',
    url: '/health/ready',
    schema: {
      summary: 'Readiness: 503 while draining or while the queue is away; degraded while the database is',
      tags: ['health'],
      response: { 200: Readiness, 503: Readiness },
    },
    async handler(_request, reply) {
      const [queue, database] = await Promise.all([stateOf(checks.pingQueue()), stateOf(checks.probeDatabase())]);
      const draining = checks.isDraining();
      const accepts = !draining && queue === 'up';
      const status = !accepts ? 'unavailable' : database === 'up' ? 'ok' : 'degraded';
      return reply.code(accepts ? 200 : 503).send({ status, draining, checks: { queue, database } });
    },
  });
};
