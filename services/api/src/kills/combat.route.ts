import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ENEMY_TYPES, type EnemyType } from '@killfeed/domain';
import { Type } from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import type { Intake } from '../intake.js';
import { Problem } from '../problem.js';
import { ActionDone, problemResponses, Queued, Uuid } from '../schemas.js';
import { toKillEnemy } from './kill.js';
import { clientIdOf, preferredWaitMs } from './kill-headers.js';
import { takeKill } from './take-kill.js';

interface CombatOptions {
  readonly intake: Intake;
  /** How long to wait for an outcome when the client does not say, in ms. */
  readonly combatWaitMs: number;
}

const responses = {
  200: ActionDone,
  202: Queued,
  ...problemResponses(
    'validation_failed',
    'enemy_type_mismatch',
    'hero_not_found',
    'enemy_not_found',
    'enemy_already_killed',
    'id_conflict',
    'queue_unavailable',
  ),
};

/** Kills whose caller waits for the outcome. */
export const combat: FastifyPluginAsyncTypebox<CombatOptions> = async (app, { intake, combatWaitMs }) => {
  app.register(heroKillsEnemy, { intake, combatWaitMs });
  for (const enemyType of ENEMY_TYPES) {
    const name = enemyType.toLowerCase();
    const idField = `${name}Id`;
    app.route({
      method: 'POST',
      url: `/${name}/kill`,
      schema: {
        summary: `A hero kills ${/^[AEIOU]/.test(enemyType) ? 'an' : 'a'} ${name}`,
        tags: ['combat'],
        body: Type.Object({ heroId: Uuid, [idField]: Uuid }, { additionalProperties: false }),
        response: responses,
      },
      async handler(request, reply) {
        const body = request.body as Record<string, string>;
        const clientId = clientIdOf(request);
        const ids = { heroId: body.heroId ?? '', enemyId: body[idField] ?? '' };
        const command = toKillEnemy({ ...ids, enemyType }, clientId ?? uuidv7());
        const waitMs = preferredWaitMs(request) ?? combatWaitMs;
        return takeKill(intake, command, { mayRepeat: clientId !== undefined, waitMs }, reply);
      },
    });
  }
};

const heroKillsEnemy: FastifyPluginAsyncTypebox<CombatOptions> = async (app, { intake, combatWaitMs }) => {
  // The path says it all: an empty body is as good as none, whatever type a client gives it.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => {
    if (body.length > 0) throw new Problem('unsupported_media_type', 'this route takes no body');
  });

  app.route({
    method: ['PUT', 'POST'],
    url: '/combat/heroes/:heroId/kill/:enemyType/:enemyId',
    schema: {
      summary: 'A hero kills an enemy',
      description: 'Waits for the outcome. Without one in time it answers 202, and the receipt will tell.',
      tags: ['combat'],
      params: Type.Object({ heroId: Uuid, enemyType: Type.String({ description: 'In any case' }), enemyId: Uuid }),
      response: responses,
    },
    async handler(request, reply) {
      const { heroId, enemyId } = request.params;
      const enemyType = toEnemyType(request.params.enemyType);
      const clientId = clientIdOf(request);
      const command = toKillEnemy({ heroId, enemyId, enemyType }, clientId ?? uuidv7());
      const waitMs = preferredWaitMs(request) ?? combatWaitMs;
      return takeKill(intake, command, { mayRepeat: clientId !== undefined, waitMs }, reply);
    },
  });
};

function toEnemyType(text: string): EnemyType {
  const enemyType = ENEMY_TYPES.find((each) => each === text.toUpperCase());
  if (enemyType !== undefined) return enemyType;
  const message = `must be one of ${ENEMY_TYPES.join(', ')}`;
  throw new Problem('validation_failed', `enemyType ${message}`, { errors: [{ path: 'enemyType', message }] });
}
