import { ConfigurationError, parseAll, parseEnv } from '@killfeed/config';
import { parse } from 'pg-connection-string';
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
  const { values, url } = parseAll({
    values: () => parseEnv(env, Environment),
    url: () => postgresUrl('DATABASE_URL', env.DATABASE_URL),
  });
  const environment = values.NODE_ENV === 'production' || values.NODE_ENV === 'test' ? values.NODE_ENV : 'development';
  const defaults = DEFAULTS_BY_ENVIRONMENT[environment];
  return {
    url,
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
  const name = ['DATABASE_URL_DIRECT', 'DIRECT_URL', 'DATABASE_UNPOOLED_URL'].find((each) => env[each]);
  return postgresUrl(name ?? 'DATABASE_URL', env[name ?? 'DATABASE_URL']);
}

function postgresUrl(name: string, url: string | undefined): string {
  if (url === undefined || url === '') {
    throw new ConfigurationError([
      `${name} is not set: give it as postgresql://user:password@host:5432/database, or run \`npm start\`, which brings a PostgreSQL of its own`,
    ]);
  }
  if (!/^postgres(ql)?:\/\//.test(url)) throw new ConfigurationError([`${name} must begin with postgresql://`]);
  if (!isReadable(url)) {
    throw new ConfigurationError([
      `${name} is not a URL: characters such as @ / ? # in the user or the password are to be percent-encoded`,
    ]);
  }
  return url;
}

// By pg's own rules, which allow more than URL does: `postgresql://user:password@/database?host=/var/run/postgresql`.
function isReadable(url: string): boolean {
  try {
    parse(url);
    return true;
  } catch {
    return false;
  }
}
