import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/prisma/client.js';
import type { DatabaseOptions } from './pool/pool-config.js';

export interface Database {
  /** For units of work and set-based SQL. */
  readonly pool: pg.Pool;
  /** For everything else; it draws on the same connections. */
  readonly prisma: PrismaClient;
  /**
   * Answers how long `SELECT 1` took, in ms.
   *
   * @throws when no connection can be had or the server does not answer
   */
  probe(): Promise<number>;
  /** Closes the Prisma client, then the pool. Waits for what is checked out. */
  close(): Promise<void>;
}

/** Builds the pool and the Prisma client on it. Opens no connection: `probe()` does. */
export function createDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName ?? 'killfeed',
    max: options.poolMax ?? 10,
    idleTimeoutMillis: options.idleTimeoutMs ?? 10_000,
    connectionTimeoutMillis: options.acquireTimeoutMs ?? 5000,
    query_timeout: options.queryTimeoutMs ?? 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // Without a listener, a server that goes away while connections are idle ends the process.
  pool.on('error', (error) => options.onIdleError?.(error));
  // $disconnect() leaves the pool alone, since it was made here: whoever opens it closes it.
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    pool,
    prisma,
    async probe() {
      const startedAt = performance.now();
      await pool.query('SELECT 1');
      return performance.now() - startedAt;
    },
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
