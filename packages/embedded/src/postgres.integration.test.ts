import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { startPostgres } from './postgres.js';
import { processTree } from './process-table.js';
import { eventually, isAlive, openWorkspace, query } from './test-support.js';

const isRoot = process.getuid?.() === 0;

test('starts an empty PostgreSQL that answers on loopback alone, by password alone', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const steps: string[] = [];
  const dataDir = path.join(dir, 'deep', 'data');
  const server = keep(
    await startPostgres({
      dataDir,
      database: 'odd "name" ü',
      settings: { work_mem: '5MB', listen_addresses: '*' },
      onProgress: (step) => steps.push(step),
    }),
  );
  const [row] = await query(
    server.url,
    `select current_database() as database, current_setting('work_mem') as work_mem,
            current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
            current_setting('server_encoding') as encoding, current_setting('max_connections')::int as connections,
            (select datlocale from pg_database where datname = current_database()) as locale`,
  );
  assert.deepEqual(row, {
    database: 'odd "name" ü',
    work_mem: '5MB',
    addresses: '127.0.0.1',
    sockets: '',
    encoding: 'UTF8',
    connections: 100,
    locale: 'C.UTF-8',
  });
  assert.deepEqual(steps, [`creating a PostgreSQL data directory in ${dataDir}`]);

  const wrong = server.url.replace(/:[^:@]+@/, ':wrong@');
  await assert.rejects(query(wrong, 'select 1'), { code: '28P01' });
  const password = new URL(server.url).password;
  assert.equal((await stat(`${dataDir}.password`)).mode & 0o777, 0o600);
  assert.equal((await readFile(server.logFile, 'utf8')).includes(password), false);
  const [{ method } = {}] = await query(
    server.url,
    `select string_agg(distinct auth_method, ',') as method from pg_hba_file_rules`,
  );
  assert.equal(method, 'scram-sha-256');
});

test('keeps its data and its password from one start to the next', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'data');
  const first = keep(await startPostgres({ dataDir }));
  await query(first.url, `create table kept as select 'yes' as answer`);
  await first.stop();
  assert.deepEqual(await first.exited, { code: 0, signal: null });
  const steps: string[] = [];
  const second = keep(await startPostgres({ dataDir, port: first.port, onProgress: (step) => steps.push(step) }));
  assert.deepEqual(await query(second.url, 'select answer from kept'), [{ answer: 'yes' }]);
  assert.equal(second.url, first.url);
  assert.deepEqual(steps, []);
});

test('keeps committed rows through kill -9, on the same port', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'data');
  let server = keep(await startPostgres({ dataDir }));
  await query(server.url, 'create table numbers (n int)');
  for (let round = 1; round <= 3; round++) {
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(`insert into numbers values (${round})`);
    const busy = client.query('select pg_sleep(60)').catch(() => undefined); // A backend in the middle of something.
    const family = processTree(server.pid).map(({ pid }) => pid);
    assert.ok(family.length > 5, `${family.length}`);
    server.kill();
    const restarted = await startPostgres({ dataDir, port: server.port });
    assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' });
    assert.deepEqual(family.filter(isAlive), []);
    await busy;
    server = keep(restarted);
  }
  assert.deepEqual(await query(server.url, 'select sum(n)::int as sum from numbers'), [{ sum: 6 }]);
});

test('freezes every process of the server by SIGSTOP and lets it go on by SIGCONT', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const server = keep(await startPostgres({ dataDir: path.join(dir, 'data') }));
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  server.kill('SIGSTOP');
  let answered = false;
  const answer = client.query('select 1').then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(answered, false);
  server.kill('SIGCONT');
  await answer;
  await client.end();
});

test('runs two servers at once', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const [one, two] = await Promise.all(['one', 'two'].map((name) => startPostgres({ dataDir: path.join(dir, name) })));
  assert.ok(one && two);
  keep(one);
  keep(two);
  assert.notEqual(one.port, two.port);
  assert.notEqual(new URL(one.url).password, new URL(two.url).password);
  await query(one.url, 'create table here (n int)');
  await assert.rejects(query(two.url, 'select * from here'), { code: '42P01' });
});

/** A supervisor in a process of its own, so that it can be killed. */
async function startSupervisor(t: TestContext, dataDir: string): Promise<{ pid: number; kill(): void }> {
  const module = pathToFileURL(path.join(import.meta.dirname, 'postgres.js')).href;
  const script = `
    import { startPostgres } from ${JSON.stringify(module)};
    const server = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(server.pid);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [output] = await once(child.stdout, 'data');
  return { pid: Number(String(output)), kill: () => child.kill('SIGKILL') };
}

test('stops the server that a killed supervisor left, but not one whose supervisor lives', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'data');
  const former = await startSupervisor(t, dataDir);
  await assert.rejects(
    startPostgres({ dataDir }),
    /is in use by pid \d+, started by pid \d+ \(node\), which still runs/,
  );
  assert.ok(isAlive(former.pid));

  former.kill();
  const steps: string[] = [];
  const server = await eventuallyStarted(dataDir, steps);
  keep(server);
  assert.equal(isAlive(former.pid), false);
  assert.deepEqual(steps, [`stopping the PostgreSQL that an earlier run left on ${dataDir}`]);
  assert.match(await readFile(server.logFile, 'utf8'), /received fast shutdown request/);
});

/** The kernel takes a moment to bury the supervisor. */
async function eventuallyStarted(dataDir: string, steps: string[]): ReturnType<typeof startPostgres> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startPostgres({ dataDir, onProgress: (step) => steps.push(step) });
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

test('clears away children that outlived their server', { skip: process.platform !== 'linux' }, async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'data');
  const server = keep(await startPostgres({ dataDir }));
  const children = processTree(server.pid)
    .map(({ pid }) => pid)
    .filter((pid) => pid !== server.pid);
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGSTOP'); // So that they do not notice.
    } catch {
      // The session of the start's own probe, on its way out.
    }
  }
  process.kill(server.pid, 'SIGKILL');
  await server.exited;
  keep(await startPostgres({ dataDir, port: server.port }));
  await eventually('the children are gone', () => !children.some(isAlive));
});

test('leaves an unrelated process alone that has the pid of a stale postmaster.pid', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'data');
  await (await startPostgres({ dataDir })).stop();
  const bystander = spawn('sleep', ['60']);
  t.after(() => bystander.kill('SIGKILL'));
  await writeFile(
    path.join(dataDir, 'postmaster.pid'),
    `${bystander.pid}\n${dataDir}\n1700000000\n5432\n\n127.0.0.1\n`,
  );
  keep(await startPostgres({ dataDir }));
  assert.equal(bystander.exitCode ?? bystander.signalCode, null);
});

test('makes the data directory anew when the first start was interrupted', async (t) => {
  const { dir, keep } = await openWorkspace(t);
  const dataDir = path.join(dir, 'data');
  await mkdir(dataDir);
  await mkdir(`${dataDir}.initdb-interrupted/base`, { recursive: true });
  await writeFile(`${dataDir}.initdb-interrupted/PG_VERSION`, '18\n');
  await writeFile(`${dataDir}.password`, '');
  const server = keep(await startPostgres({ dataDir }));
  assert.deepEqual(await query(server.url, 'select 1 as one'), [{ one: 1 }]);
  assert.deepEqual((await readdir(dir)).sort(), ['data', 'data.log', 'data.password']);
});

test('says which port is busy, and by whom', async (t) => {
  const { dir } = await openWorkspace(t);
  const busy = net.createServer().listen(0, '127.0.0.1');
  t.after(() => busy.close());
  await once(busy, 'listening');
  const { port } = busy.address() as net.AddressInfo;
  await assert.rejects(startPostgres({ dataDir: path.join(dir, 'data'), port }), {
    name: 'ServerStartError',
    message: new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use by`),
  });
});

test('says what is wrong with a setting, in the words of the server', async (t) => {
  const { dir } = await openWorkspace(t);
  const start = startPostgres({ dataDir: path.join(dir, 'data'), settings: { work_mem: 'plenty' } });
  await assert.rejects(
    start,
    /PostgreSQL did not start: it exited with code 1\.[\s\S]*invalid value for parameter "work_mem"/,
  );
});

test('says what to do when the directory is not its own or the password is gone', async (t) => {
  const { dir } = await openWorkspace(t);
  const foreign = path.join(dir, 'foreign');
  await mkdir(foreign);
  await writeFile(path.join(foreign, 'thesis.txt'), '');
  await assert.rejects(startPostgres({ dataDir: foreign }), /is not empty and not a PostgreSQL data directory/);

  const dataDir = path.join(dir, 'data');
  await (await startPostgres({ dataDir })).stop();
  await writeFile(`${dataDir}.password`, 'mistaken\n');
  await assert.rejects(startPostgres({ dataDir }), /The password in .+data\.password is not this server's/);
  await rm(`${dataDir}.password`);
  await assert.rejects(startPostgres({ dataDir }), /password file .+data\.password is missing/);
});

test('works below a directory that only root may enter', { skip: !isRoot && 'needs root' }, async (t) => {
  const { dir, keep } = await openWorkspace(t, '/root');
  await chmod(dir, 0o700);
  const server = keep(await startPostgres({ dataDir: path.join(dir, 'data') }));
  assert.deepEqual(await query(server.url, 'select 1 as one'), [{ one: 1 }]);
});

test('runs as uid 1 where root may not make namespaces, and goes back', {
  skip: !isRoot && 'needs root',
}, async (t) => {
  if (!(await othersMayEnter(import.meta.dirname)))
    return t.skip('this clone is below a directory that only root may enter');
  const { dir, keep } = await openWorkspace(t);
  await chmod(dir, 0o755);
  const dataDir = path.join(dir, 'data');
  const { PATH } = process.env;
  process.env.PATH = '/nonexistent'; // So there is no unshare.
  t.after(() => {
    process.env.PATH = PATH;
  });
  const asDaemon = keep(await startPostgres({ dataDir }));
  assert.equal((await stat(`/proc/${asDaemon.pid}`)).uid, 1);
  await query(asDaemon.url, 'create table kept (n int)');
  await asDaemon.stop();

  process.env.PATH = PATH;
  const inNamespace = keep(await startPostgres({ dataDir }));
  assert.equal((await stat(`/proc/${inNamespace.pid}`)).uid, 0);
  assert.deepEqual(await query(inNamespace.url, 'select * from kept'), []);
});

async function othersMayEnter(directory: string): Promise<boolean> {
  if (((await lstat(directory)).mode & 0o001) === 0) return false;
  return directory === '/' || othersMayEnter(path.dirname(directory));
}
