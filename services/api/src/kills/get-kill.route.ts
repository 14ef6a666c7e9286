import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Intake } from '../intake.js';
import { Problem } from '../problem.js';
import { problemResponses, Receipt, Timestamp, Uuid } from '../schemas.js';

/** What became of a kill, and of a bulk request. */
export const getKill: FastifyPluginAsyncTypebox<{ intake: Intake }> = async (app, { intake }) => {
  app.route({
    method: 'GET',
    url: '/kills/:id',
    schema: {
      summary: 'The receipt of a kill',
      description: 'True at every moment, also for a kill inside a pending bulk request.',
      tags: ['kills'],
      params: Type.Object({ id: Uuid }),
      response: {
        200: Receipt,
        ...problemResponses('validation_failed', 'not_found', 'queue_unavailable', 'database_unavailable'),
      },
    },
    async handler(request) {
      const id = request.params.id.toLowerCase();
      const receipt = await intake.findReceipt(id);
      if (receipt === null) throw new Problem('not_found', `no kill ${id} was ever accepted`);
      return receipt;
    },
  });

  app.route({
    method: 'GET',
    url: '/batches/:id',
    schema: {
      summary: 'Counts by status of a bulk request',
      tags: ['kills'],
      params: Type.Object({ id: Uuid }),
      response: {
        200: Type.Object({
          id: Uuid,
          total: Type.Integer(),
          queued: Type.Integer(),
          applied: Type.Integer(),
          rejected: Type.Integer(),
          dead: Type.Integer(),
          acceptedAt: Timestamp,
          finishedAt: Type.Optional(Timestamp),
        }),
        ...problemResponses('validation_failed', 'not_found', 'database_unavailable'),
      },
    },
    async handler(request) {
      const id = request.params.id.toLowerCase();
      const batch = await intake.findBatch(id);
      if (batch === null) throw new Problem('not_found', `there is no batch ${id}`);
      return batch;
    },
  });
};
