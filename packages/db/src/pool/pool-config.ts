import { ConfigurationError, parseEnv } from '@killfeed/config';
import { Type } from 'typebox';

/** What `createDatabase` needs to know. Times are in ms. */
export interface DatabaseOptions {
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
  /** Connections at most. Default 10. */
  readonly poolMax?: number;
  /** A connection idle for this long is closed. Default 10000. */
  readonly idleTimeoutMs?: number;
  /** How long a caller waits for a connection. Default 5000; pg itself would wait for ever. */
  readonly acquireTimeoutMs?: number;
  /** How long a statement may stay unanswered before its connection is given up. Default 30000. */
  readonly queryTimeoutMs?: number;
  /** Told of errors on idle connections (a server restart); they are replaced, so this is news, not a failure. */
  readonly onIdleError?: (error: Error) => void;
}

const DEFAULTS_BY_ENVIRONMENT = {
  development: { poolMax: 10, idleTimeoutMs: 10_000, acquireTimeoutMs: 5000 },
  test: { poolMax: 5, idleTimeoutMs: 5000, acquireTimeoutMs: 3000 },
  production: { poolMax: 20, idleTimeoutMs: 30_000, acquireTimeoutMs: 10_000 },
};

const Environment = Type.Object({
  NODE_ENV: Type.Optional(Type.String()),
  DATABASE_URL: Type.Optional(Type.String()),
  DATABASE_URL_DIRECT: Type.Optional(Type.String()),
  DIRECT_URL: Type.Optional(Type.String()),
  DATABASE_UNPOOLED_URL: Type.Optional(Type.String()),
  DATABASE_POOL_MAX: Type.Optional(Type.Integer({ minimum: 1 })),
  DATABASE_POOL_IDLE_TIMEOUT: Type.Optional(Type.Integer({ minimum: 1000 })),
  DATABASE_POOL_CONNECTION_TIMEOUT: Type.Optional(Type.Integer({ minimum: 1000 })),
});

/**
 * Reads `DATABASE_URL`, `DATABASE_POOL_MAX`, `DATABASE_POOL_IDLE_TIMEOUT` and `DATABASE_POOL_CONNECTION_TIMEOUT` (ms),
 * with the defaults of `NODE_ENV`.
 *
 * @throws {ConfigurationError} naming every variable that is missing or wrong, not only the first
 */
export function databaseOptionsFromEnv(env: NodeJS.ProcessEnv): DatabaseOptions {
  const values = parseEnv(env, Environment);
  const environment = values.NODE_ENV === 'production' || values.NODE_ENV === 'test' ? values.NODE_ENV : 'development';
  const defaults = DEFAULTS_BY_ENVIRONMENT[environment];
  return {
    url: postgresUrl('DATABASE_URL', values.DATABASE_URL),
    poolMax: values.DATABASE_POOL_MAX ?? defaults.poolMax,
    idleTimeoutMs: values.DATABASE_POOL_IDLE_TIMEOUT ?? defaults.idleTimeoutMs,
    acquireTimeoutMs: values.DATABASE_POOL_CONNECTION_TIMEOUT ?? defaults.acquireTimeoutMs,
  };
}

/**
 * The URL for migrations and LISTEN, which a pooler would break: `DATABASE_URL_DIRECT`, `DIRECT_URL` or
 * `DATABASE_UNPOOLED_URL`, else `DATABASE_URL`.
 *
 * @throws {ConfigurationError} when none of them is set to a PostgreSQL URL
 */
export function directUrlFromEnv(env: NodeJS.ProcessEnv): string {
  const values = parseEnv(env, Environment);
  const direct = values.DATABASE_URL_DIRECT ?? values.DIRECT_URL ?? values.DATABASE_UNPOOLED_URL;
  return direct === undefined
    ? postgresUrl('DATABASE_URL', values.DATABASE_URL)
    : postgresUrl('DATABASE_URL_DIRECT', direct);
}

function postgresUrl(name: string, url: string | undefined): string {
  if (url === undefined) {
    throw new ConfigurationError([
      `${name} is not set: give it as postgresql://user:password@host:5432/database, or run \`npm start\`, which brings a PostgreSQL of its own`,
    ]);
  }
  if (!/^postgres(ql)?:\/\//.test(url)) throw new ConfigurationError([`${name} must begin with postgresql://`]);
  return url;
}
