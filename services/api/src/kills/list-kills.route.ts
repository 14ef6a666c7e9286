import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CombatReader } from '@killfeed/db';
import { Type } from 'typebox';
import { pageOf, sendPage } from '../paging.js';
import { CursorText, EnemyTypeName, Instant, KillDocument, Limit, problemResponses, Uuid } from '../schemas.js';

export const listKills: FastifyPluginAsyncTypebox<{ reader: CombatReader }> = async (app, { reader }) => {
  app.route({
    method: 'GET',
    url: '/kills',
    schema: {
      summary: 'Applied kills, newest first',
      tags: ['kills'],
      querystring: Type.Object({
        heroId: Type.Optional(Uuid),
        enemyType: Type.Optional(EnemyTypeName),
        since: Type.Optional(Instant),
        limit: Limit,
        cursor: CursorText,
      }),
      response: { 200: Type.Array(KillDocument), ...problemResponses('validation_failed', 'database_unavailable') },
    },
    async handler(request, reply) {
      const { heroId, enemyType, since } = request.query;
      const page = await reader.listKills(pageOf(request.query), {
        ...(heroId === undefined ? {} : { heroId }),
        ...(enemyType === undefined ? {} : { enemyType }),
        ...(since === undefined ? {} : { since: new Date(since) }),
      });
      return sendPage(request, reply, page);
    },
  });
};
