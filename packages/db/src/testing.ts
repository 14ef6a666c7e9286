/**
 * For tests: a database of one's own, migrated, on a real PostgreSQL. `npm test` starts one server for all test files
 * (`KILLFEED_TEST_POSTGRES_URL`); a test file that is run alone starts its own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@killfeed/embedded';
import pg from 'pg';
import { createDatabase, type Database } from './database.js';
import { migrate } from './migrate.js';

export interface TestDatabase extends Database {
  readonly url: string;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
}

/** Copied for each test database, which is faster than migrating each. */
export const TEMPLATE_DATABASE = 'killfeed_template';

let databases = 0;

/** Opens a migrated, empty database; whoever opens it closes it. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const server = await openServer();
  const name = `test_${process.pid}_${Date.now().toString(36)}_${databases++}`;
  await onServer(server.url, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`));
  const url = withDatabase(server.url, name);
  const database = createDatabase({ url, applicationName: 'killfeed/test' });
  return {
    ...database,
    url,
    async close() {
      await database.close();
      await onServer(server.url, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      await server.close();
    },
  };
}

/** Creates the template on a server that has none. */
export async function prepareTestServer(url: string): Promise<void> {
  await onServer(url, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [TEMPLATE_DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  });
  await migrate(withDatabase(url, TEMPLATE_DATABASE));
}

async function openServer(): Promise<{ url: string; close(): Promise<void> }> {
  const shared = process.env.KILLFEED_TEST_POSTGRES_URL;
  if (shared !== undefined) return { url: shared, close: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-test-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), settings: { fsync: 'off' } });
  await prepareTestServer(postgres.url);
  return {
    url: postgres.url,
    async close() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function onServer<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${name}`;
  return parsed.href;
}
