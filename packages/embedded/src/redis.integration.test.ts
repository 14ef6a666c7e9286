import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { findRedisServer } from './binaries.js';
import { startRedis } from './redis.js';
import { isAlive, openWorkspace, skipWithout } from './test-support.js';

const found = await findRedisServer();
const HOW = 'apt-get install redis-server';

/** Sends commands one line each and returns the replies as they came. */
async function redis(url: string, ...commands: string[]): Promise<string> {
  const { port, password } = new URL(url);
  const socket = net.connect({ host: '127.0.0.1', port: Number(port) });
  await once(socket, 'connect');
  socket.write([`AUTH ${password}`, ...commands, 'QUIT', ''].join('\r\n'));
  let reply = '';
  for await (const data of socket) reply += data;
  return reply;
}

test('starts with a password, an append-only file and no eviction', async (t) => {
  if (skipWithout(t, 'redis-server', found, HOW)) return;
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'with "quotes" and spaces');
  const server = keep(await startRedis({ dataDir, args: ['--maxmemory', '64mb'] }));
  const config = await redis(
    server.url,
    'CONFIG GET append*',
    'CONFIG GET max*y*',
    'CONFIG GET bind',
    'CONFIG GET save',
  );
  for (const [name, value] of [
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['maxmemory', '67108864'],
    ['maxmemory-policy', 'noeviction'],
    ['bind', '127.0.0.1'],
    ['save', ''],
  ]) {
    assert.match(config, new RegExp(`\\r\\n${name}\\r\\n\\$\\d+\\r\\n${value}\\r\\n`));
  }
  assert.match(await redis(server.url.replace(/:[^:@]+@/, ':wrong@'), 'PING'), /WRONGPASS[\s\S]*NOAUTH/);
  const password = new URL(server.url).password;
  assert.equal((await stat(path.join(dataDir, 'redis.conf'))).mode & 0o777, 0o600);
  assert.equal((await stat(path.join(dataDir, 'redis.password'))).mode & 0o777, 0o600);
  assert.equal((await readFile(`/proc/${server.pid}/cmdline`, 'utf8')).includes(password), false);
  await server.stop();
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});

test('keeps what it has answered through kill -9 when the file is forced to disk always', async (t) => {
  if (skipWithout(t, 'redis-server', found, HOW)) return;
  const { dir, keep } = await openWorkspace(t);
  const first = keep(await startRedis({ dataDir: dir, appendFsync: 'always' }));
  assert.match(await redis(first.url, 'SET fame 42'), /\+OK\r\n\+OK\r\n/);
  first.kill();
  const second = keep(await startRedis({ dataDir: dir, appendFsync: 'always', port: first.port }));
  assert.deepEqual(await first.exited, { code: null, signal: 'SIGKILL' });
  assert.equal(second.url, first.url);
  assert.match(await redis(second.url, 'GET fame', 'CONFIG GET appendfsync'), /\$2\r\n42\r\n[\s\S]*always/);
});

test('stops a former server on the same directory, so that no two write one file', async (t) => {
  if (skipWithout(t, 'redis-server', found, HOW)) return;
  const { dir, keep } = await openWorkspace(t);
  const former = keep(await startRedis({ dataDir: dir }));
  await redis(former.url, 'SET fame 1');
  const server = keep(await startRedis({ dataDir: dir }));
  assert.equal(isAlive(former.pid), false);
  assert.match(await redis(server.url, 'GET fame'), /\$1\r\n1\r\n/);
});

test('says what is wrong with an option, in the words of the server', async (t) => {
  if (skipWithout(t, 'redis-server', found, HOW)) return;
  const { dir } = await openWorkspace(t);
  const start = startRedis({ dataDir: dir, args: ['--no-such-option', '1'] });
  await assert.rejects(
    start,
    /did not start: it exited with code 1\.[\s\S]*Bad directive or wrong number of arguments/,
  );
});

test('says how to get it where there is none', async (t) => {
  const { dir } = await openWorkspace(t);
  const { PATH } = process.env;
  process.env.PATH = dir;
  t.after(() => {
    process.env.PATH = PATH;
  });
  await assert.rejects(startRedis({ dataDir: dir }), /`apt-get install redis-server` or `brew install redis`/);
});
