import { parseAll, parseEnv } from '@killfeed/config';
import { type DatabaseOptions, databaseOptionsFromEnv, directUrlFromEnv } from '@killfeed/db';
import { type QueueBackendOptions, queueOptionsFromEnv } from '@killfeed/queue';
import { Type } from 'typebox';

const Environment = Type.Object({
  KILLS_WORKER_CONCURRENCY: Type.Integer({
    default: 50,
    minimum: 1,
    maximum: 10_000,
    description: 'Jobs in flight. They share one or two database connections, whatever the number.',
  }),
  KILLS_BATCH_MAX: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 10_000,
    description: 'Kills in one transaction at most.',
  }),
  WORKER_PORT: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  PORT: Type.Integer({ default: 3001, minimum: 0, maximum: 65_535 }),
  HOST: Type.String({ default: '::' }),
  SHUTDOWN_TIMEOUT_MS: Type.Integer({ default: 15_000, minimum: 1000, maximum: 600_000 }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
});

export interface Config {
  readonly concurrency: number;
  readonly batchMax: number;
  readonly port: number;
  readonly host: string;
  readonly shutdownTimeoutMs: number;
  readonly logLevel: string;
  readonly database: DatabaseOptions;
  readonly queue: QueueBackendOptions;
}

/** @throws {ConfigurationError} naming every variable that is missing or wrong */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  const { values, database, queue, directUrl } = parseAll({
    values: () => parseEnv(env, Environment),
    database: () => databaseOptionsFromEnv(env),
    // Apart from the URL, so that mistakes of the queue are reported also where that is missing.
    queue: () => queueOptionsFromEnv(env, ''),
    directUrl: () => directUrlFromEnv(env),
  });
  return Object.freeze({
    concurrency: values.KILLS_WORKER_CONCURRENCY,
    batchMax: values.KILLS_BATCH_MAX,
    port: values.WORKER_PORT ?? values.PORT,
    host: values.HOST,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT_MS,
    logLevel: values.LOG_LEVEL,
    database,
    queue: queue.kind === 'postgres' ? { ...queue, url: directUrl } : queue,
  });
}
