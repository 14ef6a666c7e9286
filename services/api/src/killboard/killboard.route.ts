import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { KillboardReader } from '@killfeed/db';
import { KILLBOARD_SERVERS, type KillboardServer } from '@killfeed/domain';
import { Type } from 'typebox';
import { takeArray, takeStream } from '../bulk/take-bulk.js';
import type { Intake } from '../intake.js';
import { takeNdjson } from '../plugins/body-parsers.js';
import { Problem } from '../problem.js';
import { BulkAnswer, Nullable, problemResponses, Timestamp } from '../schemas.js';
import { AlbionEvent, albionItems, ServerName } from './albion.js';

interface KillboardOptions {
  readonly intake: Intake;
  readonly reader: KillboardReader;
}

const DEFAULT_SERVER: KillboardServer = 'americas';

/** An array of 1,000 events is about 14 MB. */
const EVENTS_BODY_BYTES_MAX = 16 * 1024 * 1024;

export const killboard: FastifyPluginAsyncTypebox<KillboardOptions> = async (app, { intake, reader }) => {
  takeNdjson(app);
  const readers = new Map(KILLBOARD_SERVERS.map((server) => [server, albionItems(server)]));

  app.route({
    method: 'POST',
    url: '/killboard/events',
    bodyLimit: EVENTS_BODY_BYTES_MAX,
    schema: {
      summary: 'Post kill events of Albion Online',
      description: "One event, an array of 1 to 1000, or NDJSON of any length, exactly as the game's API returns them.",
      tags: ['killboard'],
      consumes: ['application/json', 'application/x-ndjson'],
      querystring: Type.Object({
        server: Type.Optional(
          Type.Enum([...KILLBOARD_SERVERS], { default: DEFAULT_SERVER, description: 'Where the events are from' }),
        ),
      }),
      body: Type.Union([AlbionEvent, Type.Array(AlbionEvent)]),
      response: {
        202: BulkAnswer,
        ...problemResponses(
          'validation_failed',
          'malformed_json',
          'body_too_large',
          'unsupported_media_type',
          'queue_unavailable',
        ),
      },
    },
    // The query string is checked here as everywhere; the body's items are checked one by one below.
    validatorCompiler: (route) =>
      route.httpPart === 'body' ? () => true : (app.validatorCompiler?.(route) ?? (() => true)),
    serializerCompiler: () => JSON.stringify,
    async handler(request, reply) {
      const server = request.query.server ?? DEFAULT_SERVER;
      const items = readers.get(server);
      if (items === undefined) throw new Error(`no reader for server ${server}`);
      const body: unknown = request.body;
      if (body instanceof Readable) return takeStream(intake, items, request, reply);
      return takeArray(intake, items, Array.isArray(body) ? body : [body], reply);
    },
  });

  app.route({
    method: 'GET',
    url: '/killboard/events/:server/:eventId',
    schema: {
      summary: 'A stored kill event, as it was received, without LifetimeStatistics',
      tags: ['killboard'],
      params: Type.Object({
        server: ServerName,
        eventId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      }),
      response: {
        200: Type.Unsafe<unknown>(AlbionEvent),
        ...problemResponses('validation_failed', 'not_found', 'database_unavailable'),
      },
    },
    // The event goes out as it came in.
    serializerCompiler: () => JSON.stringify,
    async handler(request) {
      const { server, eventId } = request.params;
      const event = await reader.findEvent(server as KillboardServer, eventId);
      if (event === null) throw new Problem('not_found', `no event ${eventId} of ${server} is stored`);
      return event;
    },
  });

  app.route({
    method: 'GET',
    url: '/killboard/players/:server/:id',
    schema: {
      summary: 'A player and its totals over the stored events',
      tags: ['killboard'],
      params: Type.Object({ server: ServerName, id: Type.String({ minLength: 1, maxLength: 200 }) }),
      response: {
        200: Type.Object({
          server: ServerName,
          id: Type.String(),
          name: Type.String(),
          guild: Nullable(Type.String()),
          alliance: Nullable(Type.String()),
          kills: Type.Integer(),
          deaths: Type.Integer(),
          killFame: Type.Integer({ description: 'Sum of TotalVictimKillFame over the kills' }),
          deathFame: Type.Integer({ description: 'Sum of TotalVictimKillFame over the deaths' }),
          ratio: Type.Number({ description: 'Kills per death; the kills where there is no death' }),
          firstSeen: Timestamp,
          lastSeen: Timestamp,
        }),
        ...problemResponses('validation_failed', 'not_found', 'database_unavailable'),
      },
    },
    async handler(request) {
      const { server, id } = request.params;
      const player = id.includes('\0') ? null : await reader.findPlayer(server as KillboardServer, id);
      if (player === null) throw new Problem('not_found', `no player ${id} of ${server} was seen`);
      return player;
    },
  });
};
