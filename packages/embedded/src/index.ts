export { findPgBouncer, findRedisServer } from './binaries.js';
export { ServerStartError } from './errors.js';
export { type PgBouncerOptions, type PgBouncerServer, startPgBouncer } from './pgbouncer.js';
export { describePortUser, freePort } from './ports.js';
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.js';
export { type RedisOptions, startRedis } from './redis.js';
export type { EmbeddedServer } from './server-process.js';
