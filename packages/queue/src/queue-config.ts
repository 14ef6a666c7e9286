import { ConfigurationError, parseEnv } from '@killfeed/config';
import { Type } from 'typebox';
import type { QueueBackendOptions } from './backend.js';

const Environment = Type.Object({
  REDIS_URL: Type.Optional(Type.String({ pattern: '^rediss?://' })),
  QUEUE_BACKEND: Type.Optional(Type.Enum(['redis', 'postgres'])),
  QUEUE_PREFIX: Type.String({ default: '{kills}' }),
  QUEUE_TIMEOUT_MS: Type.Integer({ default: 1500, minimum: 100, maximum: 60_000 }),
});

/**
 * Which store the queue is on: `QUEUE_BACKEND` (redis, postgres) by hand, else Redis where `REDIS_URL` is set, else
 * PostgreSQL. Also reads `QUEUE_PREFIX` and `QUEUE_TIMEOUT_MS`.
 *
 * @param directUrl of the database: PostgreSQL as a queue needs LISTEN, which a pooler would break
 * @throws {ConfigurationError} naming every variable that is wrong
 */
export function queueOptionsFromEnv(env: NodeJS.ProcessEnv, directUrl: string): QueueBackendOptions {
  const values = parseEnv(env, Environment);
  const kind = values.QUEUE_BACKEND ?? (values.REDIS_URL === undefined ? 'postgres' : 'redis');
  const common = { prefix: values.QUEUE_PREFIX, timeoutMs: values.QUEUE_TIMEOUT_MS };
  if (kind === 'postgres') return { kind, url: directUrl, ...common };
  if (values.REDIS_URL === undefined)
    throw new ConfigurationError(['QUEUE_BACKEND is redis, but REDIS_URL is not set']);
  return { kind, url: values.REDIS_URL, ...common };
}
