import { parseAll, parseEnv } from '@killfeed/config';
import { type DatabaseOptions, databaseOptionsFromEnv, directUrlFromEnv } from '@killfeed/db';
import { type QueueBackendOptions, queueOptionsFromEnv } from '@killfeed/queue';
import { Type } from 'typebox';

const Environment = Type.Object({
  PORT: Type.Integer({ default: 3000, minimum: 0, maximum: 65_535 }),
  HOST: Type.String({ default: '::' }),
  COMBAT_WAIT_MS: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 60_000,
    description: 'How long the combat routes wait for an outcome.',
  }),
  SHUTDOWN_TIMEOUT_MS: Type.Integer({ default: 15_000, minimum: 1000, maximum: 600_000 }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
});

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly combatWaitMs: number;
  readonly shutdownTimeoutMs: number;
  readonly logLevel: string;
  readonly database: DatabaseOptions;
  readonly queue: QueueBackendOptions;
}

/** @throws {ConfigurationError} naming every variable that is missing or wrong */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  const { values, database, queue } = parseAll({
    values: () => parseEnv(env, Environment),
    database: () => databaseOptionsFromEnv(env),
    queue: () => queueOptionsFromEnv(env, directUrlFromEnv(env)),
  });
  return Object.freeze({
    port: values.PORT,
    host: values.HOST,
    combatWaitMs: values.COMBAT_WAIT_MS,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT_MS,
    logLevel: values.LOG_LEVEL,
    database,
    queue,
  });
}
