import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { CombatReader, KillboardReader } from '@killfeed/db';
import type { Logger } from '@killfeed/observability';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { type HealthChecks, health } from './health/health.route.js';
import { heroes } from './heroes/heroes.route.js';
import type { Intake } from './intake.js';
import { killboard } from './killboard/killboard.route.js';
import { combat } from './kills/combat.route.js';
import { getKill } from './kills/get-kill.route.js';
import { listKills } from './kills/list-kills.route.js';
import { postKills } from './kills/post-kills.route.js';
import { bodyParsers } from './plugins/body-parsers.js';
import { openapi } from './plugins/openapi.js';
import { problemDetails, sendClientError, sendFrameworkError } from './plugins/problem-details.js';
import { validation } from './plugins/validation.js';
import { Problem } from './problem.js';

export interface AppOptions {
  readonly intake: Intake;
  readonly combatReader: CombatReader;
  readonly killboardReader: KillboardReader;
  readonly checks: HealthChecks;
  /** See `COMBAT_WAIT_MS`. */
  readonly combatWaitMs: number;
  readonly logger?: Logger;
}

/** Builds the API on what it is given; it opens nothing and listens nowhere. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    // One line a request would cost more than the request.
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: sendFrameworkError,
    clientErrorHandler: sendClientError,
    routerOptions: { maxParamLength: 250 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Health goes on answering: that this process is draining is what its readiness has to tell.
  app.addHook('onRequest', async (request) => {
    if (!options.checks.isDraining() || request.url.startsWith('/health')) return;
    throw new Problem('overloaded', 'this process is shutting down; ask again, another will answer');
  });

  await app.register(problemDetails);
  await app.register(validation);
  await app.register(bodyParsers);
  await app.register(openapi, { version: options.checks.version });

  await app.register(postKills, { intake: options.intake });
  await app.register(getKill, { intake: options.intake });
  await app.register(listKills, { reader: options.combatReader });
  await app.register(combat, { intake: options.intake, combatWaitMs: options.combatWaitMs });
  await app.register(heroes, { reader: options.combatReader });
  await app.register(killboard, { intake: options.intake, reader: options.killboardReader });
  await app.register(health, { checks: options.checks });
  return app as unknown as FastifyInstance;
}
