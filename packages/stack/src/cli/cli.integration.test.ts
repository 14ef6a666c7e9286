import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '@killfeed/embedded';
import { until } from '../testing.js';

let data: string;

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'killfeed-cli-'));
});
after(() => rm(data, { recursive: true, force: true }));

test('demo posts, applies and audits kills, twice in a row, and leaves nothing running', async () => {
  for (const kills of ['300', '200']) {
    const demo = await run('demo.js', ['--kills', kills]);
    assert.equal(demo.code, 0, demo.output);
    assert.match(demo.output, new RegExp(`accepted +${kills} kills`));
    assert.match(demo.output, /0 lost, 0 double, 0 heroes off, 0 in flight, 0 dead/);
    assert.match(demo.output, /time to 202 +p50 [\d.]+ ms, p95 [\d.]+ ms, p99 [\d.]+ ms/);
    assert.match(demo.output, /queue: (redis|postgres) \(.+\)/);
  }
  await assert.rejects(readFile(join(data, 'demo/postgres/postmaster.pid')), { code: 'ENOENT' });
  await assert.rejects(readFile(join(data, 'demo/stack.json')), { code: 'ENOENT' });
});

test('demo and start name who is on the port, in one line', async (t) => {
  const busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
  t.after(() => busy.close());
  const { port } = busy.address() as AddressInfo;

  for (const command of ['demo.js', 'start.js']) {
    const { code, output } = await run(command, ['--port', String(port)]);
    assert.equal(code, 1);
    assert.match(output, new RegExp(`port ${port} is in use by pid ${process.pid} \\(.+\\): .*--port`));
    assert.doesNotMatch(output, /\n +at /, 'no stack trace');
  }
});

test('refuses flags that it does not know and numbers that are none', async () => {
  for (const args of [['--kills', 'many'], ['--kills', '0'], ['--nope']]) {
    const { code, output } = await run('demo.js', args);
    assert.equal(code, 1);
    assert.match(output, /^demo: /m);
    assert.doesNotMatch(output, /\n +at /, 'no stack trace');
  }
});

test('start keeps its data, refuses a second one, and takes over from one that was killed', async (t) => {
  const port = String(await freePort());
  const first = start(['--port', port]);
  t.after(() => first.child.kill('SIGKILL'));
  await first.isUp;
  const [hero] = (await (await fetch(`http://localhost:${port}/heroes?limit=1`)).json()) as { id: string }[];
  const second = await run('start.js', ['--port', port]);
  assert.equal(second.code, 1);
  assert.match(second.output, new RegExp(`running already, as process ${first.child.pid}`));
  assert.equal((await fetch(`http://localhost:${port}/`)).status, 200, 'the first one goes on');

  first.child.kill('SIGKILL');
  await first.exited;
  const third = start(['--port', port]);
  t.after(() => third.child.kill('SIGKILL'));
  await third.isUp;
  const [again] = (await (await fetch(`http://localhost:${port}/heroes?limit=1`)).json()) as { id: string }[];
  assert.equal(again?.id, hero?.id);

  third.child.kill('SIGTERM');
  assert.deepEqual(await third.exited, [0, null]);
  await assert.rejects(fetch(`http://localhost:${port}/`));
  await assert.rejects(readFile(join(data, 'data/postgres/postmaster.pid')), { code: 'ENOENT' });
});

test('start keeps to the queue of its data, where kills may still wait', async () => {
  const folder = join(data, 'data');
  await mkdir(folder, { recursive: true });
  const former = await readFile(join(folder, 'queue'), 'utf8').catch(() => 'postgres');
  await writeFile(join(folder, 'queue'), 'redis');
  const { code, output } = await run('start.js', ['--port', String(await freePort())], { QUEUE_BACKEND: 'postgres' });
  await writeFile(join(folder, 'queue'), former);
  assert.equal(code, 1);
  assert.match(output, /had its queue on redis, which may still hold kills: start with QUEUE_BACKEND=redis, or delete/);
});

test('says which server of somebody else is not there', async () => {
  const dead = `127.0.0.1:${await freePort()}`;
  const noRedis = await run('demo.js', ['--kills', '10'], { REDIS_URL: `redis://${dead}` });
  assert.equal(noRedis.code, 1);
  assert.match(noRedis.output, /demo: Redis at REDIS_URL does not answer: start it, or unset REDIS_URL/);
  const env = { DATABASE_URL: `postgresql://somebody:secret@${dead}/x`, QUEUE_BACKEND: 'postgres' };
  const noDatabase = await run('demo.js', ['--kills', '10'], env);
  assert.equal(noDatabase.code, 1);
  assert.match(noDatabase.output, /demo: the database of DATABASE_URL: .*without DATABASE_URL an embedded one is used/);
  assert.doesNotMatch(noDatabase.output, /secret/);
});

test('start that is interrupted while it starts leaves nothing running', async () => {
  const port = String(await freePort());
  const { child, output } = launch('start.js', ['--port', port]);
  const exited = once(child, 'exit');
  await until('the services are being started', async () => output().includes('starting the worker and the API'));
  child.kill('SIGINT');
  assert.deepEqual(await exited, [0, null], output());
  await assert.rejects(fetch(`http://localhost:${port}/`));
  for (const left of ['data/postgres/postmaster.pid', 'data/stack.json']) {
    await assert.rejects(readFile(join(data, left)), { code: 'ENOENT' });
  }
});

function launch(
  command: string,
  args: readonly string[],
  own: NodeJS.ProcessEnv = {},
): { child: ChildProcess; output: () => string } {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [join(import.meta.dirname, command), ...args], {
    env: { PATH, HOME, KILLFEED_DATA: data, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

async function run(
  command: string,
  args: readonly string[],
  own?: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const { child, output } = launch(command, args, own);
  const [code] = await once(child, 'close');
  return { code, output: output() };
}

function start(args: readonly string[]) {
  const { child, output } = launch('start.js', args);
  const exited = once(child, 'exit');
  const isUp = until(`start is up: ${output()}`, async () => output().includes('Ctrl-C drains'));
  return { child, exited, isUp };
}
