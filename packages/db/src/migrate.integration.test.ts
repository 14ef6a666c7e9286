import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import pg from 'pg';
import { migrate, PRISMA_FOLDER } from './migrate.js';
import { openSchemaEngine } from './schema-engine.js';
import { openTestDatabase } from './testing.js';

const INIT = '20261121000000_init';
const CLI = join(import.meta.dirname, 'cli/migrate.js');
const run = promisify(execFile);

/** An empty database beside the test's own. */
async function openEmptyDatabase(t: TestContext): Promise<{ url: string; query: pg.Pool['query'] }> {
  const database = await openTestDatabase();
  const name = `empty_${randomUUID().replaceAll('-', '')}`;
  await database.pool.query(`CREATE DATABASE ${name}`);
  const url = Object.assign(new URL(database.url), { pathname: `/${name}` }).href;
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  // The server may drop the database before it has seen that the connection was ended.
  pool.on('error', () => undefined);
  t.after(async () => {
    await pool.end();
    await database.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await database.close();
  });
  return { url, query: pool.query.bind(pool) as pg.Pool['query'] };
}

/** A copy of the project's migrations with one more. */
async function withMigration(t: TestContext, name: string, sql: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-migrations-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(PRISMA_FOLDER, folder, { recursive: true });
  await mkdir(join(folder, 'migrations', name));
  await writeFile(join(folder, 'migrations', name, 'migration.sql'), sql);
  return folder;
}

/** The SQL that makes an empty database what the schema says. */
async function scriptOf(schemaFile: string, url: string): Promise<string> {
  const datamodel = await readFile(schemaFile, 'utf8');
  const { engine, close } = await openSchemaEngine(url, datamodel);
  const { stdout } = await engine
    .diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: datamodel }] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    })
    .finally(close);
  return stdout ?? '';
}

// By PostgreSQL's own catalogue: the engine cannot read a database through the adapter ("Column type 'char'").
async function describeSchema({ query }: { query: pg.Pool['query'] }): Promise<string[]> {
  const { rows } = await query(
    `SELECT concat_ws(' ', table_name, column_name, udt_name, datetime_precision, is_nullable, column_default) AS line
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'
     UNION ALL
     SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'
     UNION ALL
     SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('_prisma_migrations'), 0)
     UNION ALL
     SELECT 'enum ' || enumtypid::regtype || ' ' || enumlabel FROM pg_enum
     ORDER BY line`,
  );
  return rows.map(({ line }) => line.replaceAll('public.', ''));
}

describe('migrating', () => {
  test('applies what is missing, once', async (t) => {
    const { url } = await openEmptyDatabase(t);
    assert.deepEqual(await migrate(url), [INIT]);
    assert.deepEqual(await migrate(url), []);
  });

  test('records each migration as `prisma migrate deploy` does', async (t) => {
    const { url, query } = await openEmptyDatabase(t);
    await migrate(url);
    const sql = await readFile(join(PRISMA_FOLDER, 'migrations', INIT, 'migration.sql'));
    const { rows } = await query('SELECT * FROM _prisma_migrations');
    assert.equal(rows.length, 1);
    const { id, started_at, finished_at, ...row } = rows[0];
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.ok(finished_at >= started_at);
    assert.deepEqual(row, {
      checksum: createHash('sha256').update(sql).digest('hex'),
      migration_name: INIT,
      logs: null,
      rolled_back_at: null,
      applied_steps_count: 1,
    });
  });

  test('leaves a database that is what schema.prisma says', async (t) => {
    const [migrated, declared] = [await openEmptyDatabase(t), await openEmptyDatabase(t)];
    await migrate(migrated.url);
    await declared.query(await scriptOf(join(PRISMA_FOLDER, 'schema.prisma'), declared.url));
    const beyondPrisma = ['CREATE INDEX queue_receipts_unqueued_idx'];
    assert.deepEqual(
      (await describeSchema(migrated)).filter((line) => !beyondPrisma.some((text) => line.startsWith(text))),
      await describeSchema(declared),
    );
  });

  test('names the migration that fails and says what PostgreSQL said', async (t) => {
    const { url, query } = await openEmptyDatabase(t);
    const folder = await withMigration(t, '20270101000000_broken', 'CREATE TABLE heroes (id int)');
    await assert.rejects(migrate(url, folder), /"heroes" already exists[\s\S]*20270101000000_broken/);
    const { rows } = await query('SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NULL');
    assert.deepEqual(rows, [{ migration_name: '20270101000000_broken' }]);
  });

  test('leaves no connection behind', async (t) => {
    const { url, query } = await openEmptyDatabase(t);
    await migrate(url);
    const { rows } = await query(
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'killfeed/migrate' AND datname = current_database()",
    );
    assert.equal(rows[0].count, 0);
  });
});

describe('db:migrate', () => {
  const migrateBy = (env: NodeJS.ProcessEnv) =>
    run(process.execPath, [CLI], { env: { PATH: process.env.PATH, ...env } });

  test('by two processes at once applies each migration once', { timeout: 30_000 }, async (t) => {
    const { url, query } = await openEmptyDatabase(t);
    const results = await Promise.all([1, 2, 3].map(() => migrateBy({ DATABASE_URL: url })));
    const said = results.map(({ stdout }) => stdout.trim().split('\n').at(-1)).toSorted();
    assert.deepEqual(said, ['1 migration(s) applied', 'the database is up to date', 'the database is up to date']);
    const { rows } = await query('SELECT migration_name, finished_at IS NOT NULL AS finished FROM _prisma_migrations');
    assert.deepEqual(rows, [{ migration_name: INIT, finished: true }]);
  });

  test('ends as soon as it is done', async (t) => {
    const { url } = await openEmptyDatabase(t);
    await migrate(url);
    const startedAt = performance.now();
    await migrateBy({ DATABASE_URL_DIRECT: url, DATABASE_URL: 'postgresql://127.0.0.1:1/nothing' });
    assert.ok(performance.now() - startedAt < 8000, 'the engine waits 10 s for a lock that it has');
  });

  test('says in one line what is wrong, without the password', async () => {
    const failure = await migrateBy({ DATABASE_URL: 'postgresql://me:s3cret@127.0.0.1:1/nothing' }).catch((e) => e);
    assert.equal(failure.code, 1);
    assert.equal(failure.stderr, "db:migrate: Can't reach database server at `127.0.0.1:1`\n");
    assert.doesNotMatch(failure.stderr + failure.stdout, /s3cret/);
  });
});
