import { findRedisServer } from '@killfeed/embedded';
import type { QueueBackendKind } from '@killfeed/queue';

export interface QueueChoice {
  readonly kind: QueueBackendKind;
  /** Set where the Redis is somebody else's; else one is started. */
  readonly redisUrl?: string;
  /** Why this one, for the banner. */
  readonly reason: string;
}

/**
 * Redis where `REDIS_URL` says so or a server program is on the PATH, else BullMQ's PostgreSQL backend, which needs
 * nothing installed. `QUEUE_BACKEND` chooses by hand.
 *
 * @throws when Redis was asked for and there is none
 */
export async function chooseQueue(env: NodeJS.ProcessEnv): Promise<QueueChoice> {
  const { QUEUE_BACKEND: asked, REDIS_URL: redisUrl } = env;
  if (asked !== undefined && asked !== '' && asked !== 'redis' && asked !== 'postgres') {
    throw new Error(`QUEUE_BACKEND must be redis or postgres, not "${asked}"`);
  }
  if (asked === 'postgres') return { kind: 'postgres', reason: 'QUEUE_BACKEND says so' };
  if (redisUrl) return { kind: 'redis', redisUrl, reason: 'REDIS_URL is set' };
  const server = await findRedisServer();
  if (server !== null) return { kind: 'redis', reason: `${server.path} was found; started with its log on (AOF)` };
  if (asked === 'redis') {
    throw new Error(
      'QUEUE_BACKEND is redis, but REDIS_URL is not set and no redis-server or valkey-server is on the PATH (Debian: apt-get install redis-server; macOS: brew install redis)',
    );
  }
  return { kind: 'postgres', reason: 'no REDIS_URL and no redis-server on the PATH; production wants Redis' };
}
