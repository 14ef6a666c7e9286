import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CombatReader } from '@killfeed/db';
import { Type } from 'typebox';
import { pageOf, sendPage } from '../paging.js';
import { Problem } from '../problem.js';
import { CursorText, EnemyDocument, EnemyTypeName, HeroDocument, Limit, problemResponses, Uuid } from '../schemas.js';

/** Killed enemies that a hero carries; the rest are a link away. */
const KILLED_ENEMIES_SHOWN = 100;

export const heroes: FastifyPluginAsyncTypebox<{ reader: CombatReader }> = async (app, { reader }) => {
  app.route({
    method: 'GET',
    url: '/heroes',
    schema: {
      summary: 'Heroes, the strongest first',
      tags: ['game'],
      querystring: Type.Object({ limit: Limit, cursor: CursorText }),
      response: { 200: Type.Array(HeroDocument), ...problemResponses('validation_failed', 'database_unavailable') },
    },
    async handler(request, reply) {
      return sendPage(request, reply, await reader.listHeroes(pageOf(request.query)));
    },
  });

  app.route({
    method: 'GET',
    url: '/heroes/:id',
    schema: {
      summary: 'A hero and the enemies it killed',
      tags: ['game'],
      params: Type.Object({ id: Uuid }),
      response: {
        200: Type.Object({
          ...HeroDocument.properties,
          killedEnemies: Type.Array(EnemyDocument, { description: `The last ${KILLED_ENEMIES_SHOWN}` }),
          killedEnemiesUrl: Type.String({ description: 'All of them, page by page' }),
        }),
        ...problemResponses('validation_failed', 'hero_not_found', 'database_unavailable'),
      },
    },
    async handler(request) {
      const id = request.params.id.toLowerCase();
      const hero = await reader.findHero(id);
      if (hero === null) throw new Problem('hero_not_found', `there is no hero ${id}`);
      const { rows } = await reader.listKilledEnemies({ limit: KILLED_ENEMIES_SHOWN }, id);
      return { ...hero, killedEnemies: rows, killedEnemiesUrl: `/heroes/${id}/killed-enemies` };
    },
  });

  app.route({
    method: 'GET',
    url: '/heroes/:id/killed-enemies',
    schema: {
      summary: 'The enemies that a hero killed, the last one first',
      tags: ['game'],
      params: Type.Object({ id: Uuid }),
      querystring: Type.Object({ limit: Limit, cursor: CursorText }),
      response: { 200: Type.Array(EnemyDocument), ...problemResponses('validation_failed', 'database_unavailable') },
    },
    async handler(request, reply) {
      const page = await reader.listKilledEnemies(pageOf(request.query), request.params.id.toLowerCase());
      return sendPage(request, reply, page);
    },
  });

  app.route({
    method: 'GET',
    url: '/enemies',
    schema: {
      summary: 'Enemies by type, the strongest first',
      tags: ['game'],
      querystring: Type.Object({
        type: Type.Optional(EnemyTypeName),
        alive: Type.Optional(Type.Boolean()),
        limit: Limit,
        cursor: CursorText,
      }),
      response: { 200: Type.Array(EnemyDocument), ...problemResponses('validation_failed', 'database_unavailable') },
    },
    async handler(request, reply) {
      const { type, alive } = request.query;
      const page = await reader.listEnemies(pageOf(request.query), {
        ...(type === undefined ? {} : { type }),
        ...(alive === undefined ? {} : { alive }),
      });
      return sendPage(request, reply, page);
    },
  });
};
