import { mkdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { findRedisServer } from './binaries.js';
import { claimPort } from './claim-port.js';
import { ServerStartError } from './errors.js';
import { stopFormerServer } from './former-server.js';
import { readOrCreatePassword, writePrivateFile } from './secrets.js';
import { type EmbeddedServer, startServer } from './server-process.js';

export interface RedisOptions {
  /** Holds the data, the password (`redis.password`), the configuration and the log. Made if missing. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; default: a free one. */
  readonly port?: number | undefined;
  /** When the append-only file is forced to disk; default `everysec`. */
  readonly appendFsync?: 'always' | 'everysec' | 'no' | undefined;
  /** More command-line options, such as `['--maxmemory', '256mb']`. They are visible to all users: no secrets. */
  readonly args?: readonly string[] | undefined;
}

/** Loading a large append-only file counts into it. */
const READY_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 10_000;
const PROBE_TIMEOUT_MS = 2000;

/**
 * Starts Redis or Valkey from the PATH on 127.0.0.1, with a password, an append-only file and `noeviction`.
 * Throws `ServerStartError`, which says what to do.
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedServer> {
  const program = await findRedisServer();
  if (program === null) {
    const advice = 'Install one: `apt-get install redis-server` or `brew install redis` (Valkey does as well).';
    throw new ServerStartError('Redis', 'neither redis-server nor valkey-server is on the PATH.', advice);
  }
  const server = program.name === 'redis' ? 'Redis' : 'Valkey';
  const dataDir = path.resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await stopFormerServer({
    server,
    dataDir,
    names: ['redis-server', 'valkey-server'],
    signals: [
      ['SIGTERM', STOP_DEADLINE_MS],
      ['SIGKILL', 5000],
    ],
  });
  const port = await claimPort(server, options.port);
  const password = await readOrCreatePassword(path.join(dataDir, 'redis.password'));
  const configFile = path.join(dataDir, 'redis.conf');
  await writePrivateFile(
    configFile,
    redisConfig({ dataDir, port, password, fsync: options.appendFsync ?? 'everysec' }),
  );
  const started = await startServer({
    name: server,
    command: { file: program.path, args: [configFile, ...(options.args ?? [])] },
    cwd: dataDir,
    logFile: path.join(dataDir, 'redis.log'),
    stopSignal: 'SIGTERM',
    stopDeadlineMs: STOP_DEADLINE_MS,
    probe: () => answersPong(port, password),
    readyDeadlineMs: READY_DEADLINE_MS,
    advice: () => `The log is ${path.join(dataDir, 'redis.log')}; delete ${dataDir} to start without its data.`,
  });
  return { ...started, port, url: `redis://:${password}@127.0.0.1:${port}` };
}

/** In a file, not on the command line, which every user of the machine can read. */
function redisConfig(values: { dataDir: string; port: number; password: string; fsync: string }): string {
  const lines = [
    'bind 127.0.0.1',
    `port ${values.port}`,
    'protected-mode yes',
    `requirepass ${values.password}`,
    `dir ${quote(values.dataDir)}`,
    'daemonize no',
    'appendonly yes',
    `appendfsync ${values.fsync}`,
    'save ""',
    // A queue must never lose a job to make room for another.
    'maxmemory-policy noeviction',
  ];
  // Where there is no /proc, a server left behind is recognised by the directory in its command line.
  if (process.platform !== 'linux') lines.push('set-proc-title no');
  return `${lines.join('\n')}\n`;
}

function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** False while nobody listens or the data is being loaded. A refused password throws: waiting would not help. */
async function answersPong(port: number, password: string): Promise<boolean> {
  const reply = await askRedis(port, `AUTH ${password}\r\nPING\r\n`);
  if (reply.startsWith('-WRONGPASS')) throw new Error(`the server on port ${port} has another password`);
  return reply.includes('+PONG');
}

/** Sends commands and collects what is answered to them: two lines, or less if the connection ends. */
function askRedis(port: number, commands: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = net.connect({ host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS });
    const done = (): void => {
      socket.destroy();
      resolve(reply);
    };
    socket.once('connect', () => socket.write(commands));
    socket.on('data', (data) => {
      reply += data.toString('latin1');
      if (reply.split('\r\n').length > 2) done();
    });
    socket.once('timeout', done).once('error', done).once('close', done);
  });
}
