import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { findPgBouncer } from './binaries.js';
import { type PgBouncerOptions, type PgBouncerServer, startPgBouncer } from './pgbouncer.js';
import { startPostgres } from './postgres.js';
import { isAlive, openWorkspace, query, skipWithout } from './test-support.js';

const found = await findPgBouncer();
const HOW = 'apt-get install pgbouncer';

type Start = (options?: Partial<PgBouncerOptions>) => Promise<PgBouncerServer>;

async function openPostgres(t: TestContext): Promise<{ start: Start; dataDir: string }> {
  const { dir, keep } = await openWorkspace(t);
  const postgres = keep(await startPostgres({ dataDir: path.join(dir, 'data') }));
  const dataDir = path.join(dir, 'pgbouncer');
  const start: Start = async (options = {}) =>
    keep(await startPgBouncer({ upstreamUrl: postgres.url, poolMode: 'transaction', dataDir, ...options }));
  return { start, dataDir };
}

test('hands queries through, with the pools and the mode that were asked for', async (t) => {
  if (skipWithout(t, 'pgbouncer', found, HOW)) return;
  const { start, dataDir } = await openPostgres(t);
  const server = await start({ defaultPoolSize: 3, settings: { query_wait_timeout: '7' } });
  assert.deepEqual(await query(server.url, 'select current_database() as db'), [{ db: 'killfeed' }]);
  const pools = await query(server.adminUrl, 'SHOW POOLS');
  assert.equal(pools.find(({ database }) => database === 'killfeed')?.pool_mode, 'transaction');
  const config = await query(server.adminUrl, 'SHOW CONFIG');
  const value = (name: string): unknown => config.find(({ key }) => key === name)?.value;
  assert.equal(value('default_pool_size'), '3');
  assert.equal(value('query_wait_timeout'), '7');
  assert.equal(value('listen_addr'), '127.0.0.1');
  assert.equal(value('unix_socket_dir') ?? '', '');
  assert.equal((await stat(path.join(dataDir, 'userlist.txt'))).mode & 0o777, 0o600);
  await assert.rejects(query(server.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1'));
});

test('shares server connections between transactions, in transaction mode alone', async (t) => {
  if (skipWithout(t, 'pgbouncer', found, HOW)) return;
  const { start } = await openPostgres(t);
  for (const [poolMode, isShared] of [
    ['transaction', true],
    ['session', false],
  ] as const) {
    const server = await start({ poolMode, defaultPoolSize: 2 });
    const clients = [new pg.Client(server.url), new pg.Client(server.url)] as const;
    for (const client of clients) await client.connect();
    const pids = [];
    for (const client of clients) pids.push((await client.query('select pg_backend_pid() as pid')).rows[0].pid);
    assert.equal(pids[0] === pids[1], isShared, poolMode);
    for (const client of clients) await client.end();
    await server.stop();
    assert.equal((await server.exited).signal, null);
  }
});

test('stops a former one on the same directory, and restarts on its port after kill -9', async (t) => {
  if (skipWithout(t, 'pgbouncer', found, HOW)) return;
  const { start } = await openPostgres(t);
  const former = await start();
  const second = await start({ port: former.port });
  assert.equal(isAlive(former.pid), false);
  second.kill();
  const third = await start({ port: former.port });
  assert.deepEqual(await query(third.url, 'select 1 as one'), [{ one: 1 }]);
});

test('says what is wrong with a setting, in the words of the server', async (t) => {
  if (skipWithout(t, 'pgbouncer', found, HOW)) return;
  const { start } = await openPostgres(t);
  await assert.rejects(
    start({ settings: { pool_size_of_my_dreams: '9' } }),
    /PgBouncer did not start: [\s\S]*pool_size_of_my_dreams/,
  );
});

test('says how to get it where PGBOUNCER_BIN names nothing', async (t) => {
  const { dir } = await openWorkspace(t);
  process.env.PGBOUNCER_BIN = path.join(dir, 'missing');
  t.after(() => {
    delete process.env.PGBOUNCER_BIN;
  });
  const start = startPgBouncer({ upstreamUrl: 'postgresql://u:p@127.0.0.1:1/d', poolMode: 'session', dataDir: dir });
  await assert.rejects(start, /PGBOUNCER_BIN names .+missing, which is not a program\.\nInstall it/);
});
