import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import { ARRAY_ITEMS_MAX, takeArray, takeStream } from '../bulk/take-bulk.js';
import type { Intake } from '../intake.js';
import { takeNdjson } from '../plugins/body-parsers.js';
import { compileItem, itemErrors } from '../plugins/validation.js';
import { Problem } from '../problem.js';
import { ActionDone, BulkAnswer, problemResponses, Queued, Receipt } from '../schemas.js';
import { KillBody, toKillEnemy } from './kill.js';
import { clientIdOf, preferredWaitMs } from './kill-headers.js';
import { killItems } from './kill-items.js';
import { takeKill } from './take-kill.js';

const isKill = compileItem(KillBody);

export const postKills: FastifyPluginAsyncTypebox<{ intake: Intake }> = async (app, { intake }) => {
  takeNdjson(app);
  app.route({
    method: 'POST',
    url: '/kills',
    schema: {
      summary: 'Post one kill, an array of kills, or a stream of kills',
      description: `One kill answers 202 and its receipt's URL. An array of 1 to ${ARRAY_ITEMS_MAX}, or NDJSON of any length, answers what became of each item; one bad item does not sink the rest. Send an id (or an Idempotency-Key header) and a retry is safe for ever.`,
      tags: ['kills'],
      consumes: ['application/json', 'application/x-ndjson'],
      body: Type.Union([KillBody, Type.Array(KillBody, { minItems: 1, maxItems: ARRAY_ITEMS_MAX })]),
      response: {
        200: Type.Union([Receipt, ActionDone], { description: 'Settled: a repeat, or waited for' }),
        202: Type.Union([Queued, BulkAnswer], { description: 'Accepted' }),
        ...problemResponses(
          'validation_failed',
          'malformed_json',
          'body_too_large',
          'unsupported_media_type',
          'hero_not_found',
          'enemy_not_found',
          'enemy_already_killed',
          'id_conflict',
          'queue_unavailable',
        ),
      },
    },
    // Items are checked one by one below.
    validatorCompiler: () => () => true,
    serializerCompiler: () => JSON.stringify,
    async handler(request, reply) {
      const body: unknown = request.body;
      if (!isSingle(body) && request.headers['idempotency-key'] !== undefined) {
        const message = 'the Idempotency-Key header is for a single kill; give the items of a bulk request an id each';
        throw new Problem('validation_failed', message, { errors: [{ path: 'idempotency-key', message }] });
      }
      if (body instanceof Readable) return takeStream(intake, killItems, request, reply);
      if (Array.isArray(body)) return takeArray(intake, killItems, body, reply);
      if (!isKill(body)) {
        const errors = itemErrors(isKill);
        throw new Problem(
          'validation_failed',
          errors.map(({ path, message }) => `${path} ${message}`.trim()).join('; '),
          {
            errors,
          },
        );
      }
      const kill = body as KillBody;
      const clientId = clientIdOf(request, kill.id);
      const waitMs = preferredWaitMs(request) ?? 0;
      const command = toKillEnemy(kill, clientId ?? uuidv7());
      return takeKill(intake, command, { mayRepeat: clientId !== undefined, waitMs }, reply);
    },
  });
};

function isSingle(body: unknown): boolean {
  return !(body instanceof Readable) && !Array.isArray(body);
}
