import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js';
import { eventually, isAlive, openWorkspace } from './test-support.js';

/** Servers here are small scripts that say `ready` in their log: what is tested is what happens to the process. */
async function specFor(t: TestContext, script: string, overrides: Partial<ServerSpec> = {}): Promise<ServerSpec> {
  const { dir } = await openWorkspace(t);
  const logFile = path.join(dir, 'server.log');
  return {
    name: 'Toy',
    command: { file: process.execPath, args: ['-e', script] },
    cwd: dir,
    logFile,
    stopSignal: 'SIGINT',
    stopDeadlineMs: 5000,
    probe: async () => (await readFile(logFile, 'utf8')).includes('ready'),
    readyDeadlineMs: 10_000,
    advice: () => 'Try something else.',
    ...overrides,
  };
}

async function start(t: TestContext, spec: ServerSpec): Promise<ServerProcess> {
  const server = await startServer(spec);
  t.after(() => server.kill());
  return server;
}

const FOREVER = 'setInterval(() => {}, 1000);';
const POLITE = `process.on('SIGINT', () => process.exit(3)); console.log('ready'); ${FOREVER}`;
const DEAF = `process.on('SIGINT', () => {}); console.log('ready'); ${FOREVER}`;

test('stops gracefully, however often it is asked', async (t) => {
  const server = await start(t, await specFor(t, POLITE));
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  assert.deepEqual(await server.exited, { code: 3, signal: null });
});

test('kills what does not stop before the deadline', async (t) => {
  const server = await start(t, await specFor(t, DEAF, { stopDeadlineMs: 100 }));
  await server.stop();
  assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' });
});

test('stops a server that is frozen', async (t) => {
  const server = await start(t, await specFor(t, POLITE));
  server.kill('SIGSTOP');
  await server.stop();
  assert.deepEqual(await server.exited, { code: 3, signal: null });
});

test('kills children that left the process group too', { skip: process.platform === 'win32' }, async (t) => {
  const parent = `
    const { spawn } = require('node:child_process');
    console.log('child', spawn('sleep', ['60'], { detached: true }).pid, 'ready'); ${FOREVER}`;
  const spec = await specFor(t, parent);
  const server = await start(t, spec);
  const child = Number(/child (\d+)/.exec(await readFile(spec.logFile, 'utf8'))?.[1]);
  assert.ok(isAlive(child));
  server.kill();
  assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' });
  await eventually('the child is gone', () => !isAlive(child));
});

test('says what to do, with the last words of this run alone, when the server exits', async (t) => {
  const spec = await specFor(t, `console.error('cannot find my hat'); process.exit(7);`);
  await writeFile(spec.logFile, 'an old run\n');
  await assert.rejects(startServer(spec), {
    name: 'ServerStartError',
    message: 'Toy did not start: it exited with code 7.\nTry something else.\nIts last words:\n  | cannot find my hat',
  });
});

test('leaves nothing running when the server never answers', async (t) => {
  const spec = await specFor(t, `console.log(process.pid); ${FOREVER}`, { readyDeadlineMs: 300 });
  await assert.rejects(startServer(spec), /did not answer within 300 ms/);
  assert.equal(isAlive(Number(await readFile(spec.logFile, 'utf8'))), false);
});

test('gives up at once when the probe says never', async (t) => {
  const probe = async (): Promise<boolean> => Promise.reject(new Error('wrong password'));
  await assert.rejects(startServer(await specFor(t, FOREVER, { probe })), /Toy did not start: wrong password\./);
});

test('says so when the program cannot be run', async (t) => {
  const spec = await specFor(t, '', { command: { file: '/missing/toy', args: [] } });
  await assert.rejects(startServer(spec), /\/missing\/toy could not be run \(ENOENT\)\.\nTry something else\./);
});

test('sets a large log aside', async (t) => {
  const spec = await specFor(t, POLITE);
  await writeFile(spec.logFile, '');
  await appendFile(spec.logFile, Buffer.alloc(10 * 1024 * 1024 + 1, 'x'));
  const server = await start(t, spec);
  await server.stop();
  assert.ok((await stat(spec.logFile)).size < 1000);
  assert.ok((await stat(`${spec.logFile}.old`)).size > 10 * 1024 * 1024);
});

/** A supervisor in a process of its own, which starts a polite server, prints its pid and then does as told. */
async function supervise(t: TestContext, thenDo: string): Promise<{ exit: Promise<unknown[]>; server: () => number }> {
  const { dir } = await openWorkspace(t);
  const module = pathToFileURL(path.join(import.meta.dirname, 'server-process.js')).href;
  const logFile = path.join(dir, 'server.log');
  const script = `
    import { readFileSync } from 'node:fs';
    import { startServer } from ${JSON.stringify(module)};
    const server = await startServer({
      name: 'Toy', command: { file: process.execPath, args: ['-e', ${JSON.stringify(POLITE)}] }, cwd: '/',
      logFile: ${JSON.stringify(logFile)}, stopSignal: 'SIGINT', stopDeadlineMs: 60000, readyDeadlineMs: 10000,
      probe: async () => readFileSync(${JSON.stringify(logFile)}, 'utf8').includes('ready'), advice: () => '',
    });
    console.log(server.pid);
    ${thenDo}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // A process group of its own, as a terminal's foreground job has.
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  return { exit: once(child, 'close'), server: () => Number(output) };
}

test('keeps no timer: a process that has stopped its server ends by itself', { timeout: 20_000 }, async (t) => {
  const { exit, server } = await supervise(t, 'await server.stop();');
  assert.deepEqual(await exit, [0, null]);
  assert.ok(server() > 0);
});

test('is not reached by the Ctrl-C that its supervisor gets', { skip: process.platform === 'win32' }, async (t) => {
  const { exit, server } = await supervise(
    t,
    `process.on('SIGINT', async () => {
       const ended = await Promise.race([server.exited, new Promise((resolve) => setTimeout(resolve, 200, 'lives'))]);
       await server.stop();
       process.exit(ended === 'lives' ? 0 : 9);
     });
     process.kill(0, 'SIGINT'); // The whole process group, as the terminal does.`,
  );
  assert.deepEqual(await exit, [0, null]);
  assert.ok(server() > 0);
});

test('asks the server to stop when the process exits without a stop', async (t) => {
  const { exit, server } = await supervise(t, 'process.exit(5);');
  assert.deepEqual(await exit, [5, null]);
  assert.ok(server() > 0);
  await eventually('the server is gone', () => !isAlive(server()));
});
