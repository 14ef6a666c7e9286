import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { findPgBouncer } from './binaries.js';
import { claimPort } from './claim-port.js';
import { ServerStartError } from './errors.js';
import { stopFormerServer } from './former-server.js';
import { writePrivateFile } from './secrets.js';
import { type EmbeddedServer, startServer } from './server-process.js';
import { giveTo, unprivileged } from './unprivileged.js';

export interface PgBouncerOptions {
  /** The PostgreSQL behind it, with user and password; clients use the same ones. */
  readonly upstreamUrl: string;
  readonly poolMode: 'transaction' | 'session' | 'statement';
  /** TCP port on 127.0.0.1; default: a free one. */
  readonly port?: number | undefined;
  /** Holds the configuration, the user list (mode 0600) and the log. Made if missing. */
  readonly dataDir: string;
  /** Server connections per database and user; default 5. */
  readonly defaultPoolSize?: number | undefined;
  /** Client connections; default 100. */
  readonly maxClientConn?: number | undefined;
  /** More settings of the `[pgbouncer]` section. Nothing is ignored by default, not even `extra_float_digits`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface PgBouncerServer extends EmbeddedServer {
  /** The admin console: `SHOW POOLS`, `PAUSE` ... by the simple query protocol. */
  readonly adminUrl: string;
}

const READY_DEADLINE_MS = 15_000;
/** A client inside a transaction is waited for, one that sits idle in session mode too; five seconds are enough. */
const STOP_DEADLINE_MS = 5000;
const PROBE_TIMEOUT_MS = 2000;
const NAME = 'PgBouncer';

/**
 * Starts PgBouncer on 127.0.0.1 before any database of the upstream server. Works as root too.
 * Throws `ServerStartError`, which says what to do. That the upstream answers is not checked.
 */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncerServer> {
  const program = await findPgBouncer();
  if (program === null) {
    const { PGBOUNCER_BIN } = process.env;
    const reason = PGBOUNCER_BIN
      ? `PGBOUNCER_BIN names ${PGBOUNCER_BIN}, which is not a program.`
      : 'no pgbouncer is on the PATH or in /usr/sbin.';
    const advice = 'Install it (`apt-get install pgbouncer`, `brew install pgbouncer`), or name it in PGBOUNCER_BIN.';
    throw new ServerStartError(NAME, reason, advice);
  }
  const dataDir = path.resolve(options.dataDir);
  const upstream = parseUpstream(options.upstreamUrl);
  const runner = await unprivileged();
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await stopFormerServer({
    server: NAME,
    dataDir,
    names: ['pgbouncer'],
    signals: [
      ['SIGINT', STOP_DEADLINE_MS],
      ['SIGKILL', 5000],
    ],
  });
  const port = await claimPort(NAME, options.port);
  const configFile = path.join(dataDir, 'pgbouncer.ini');
  await writePrivateFile(configFile, pgbouncerIni(options, upstream, port));
  await writePrivateFile(path.join(dataDir, 'userlist.txt'), `${quote(upstream.user)} ${quote(upstream.password)}\n`);
  await giveTo(NAME, runner, dataDir);

  const connectionUrl = (database: string): string =>
    `postgresql://${encodeURIComponent(upstream.user)}:${encodeURIComponent(upstream.password)}` +
    `@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const adminUrl = connectionUrl('pgbouncer');
  const server = await startServer({
    name: NAME,
    command: runner.command(program, [configFile]),
    cwd: dataDir,
    logFile: path.join(dataDir, 'pgbouncer.log'),
    stopSignal: 'SIGINT',
    stopDeadlineMs: STOP_DEADLINE_MS,
    probe: () => answersShow(adminUrl),
    readyDeadlineMs: READY_DEADLINE_MS,
    advice: () => `Its configuration is ${configFile}; look at the settings you gave.`,
  });
  return { ...server, port, url: connectionUrl(upstream.database), adminUrl };
}

interface Upstream {
  readonly host: string;
  readonly port: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

function parseUpstream(text: string): Upstream {
  const url = new URL(text);
  const user = decodeURIComponent(url.username);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || '5432',
    user,
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || user,
  };
}

function pgbouncerIni(options: PgBouncerOptions, upstream: Upstream, port: number): string {
  const settings: Record<string, string> = {
    pool_mode: options.poolMode,
    default_pool_size: String(options.defaultPoolSize ?? 5),
    max_client_conn: String(options.maxClientConn ?? 100),
    ...options.settings,
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    // With the plain password in the list PgBouncer can be server to its clients and client to PostgreSQL, both by scram.
    auth_type: 'scram-sha-256',
    auth_file: 'userlist.txt',
    admin_users: upstream.user,
  };
  const section = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return ['[databases]', `* = host=${upstream.host} port=${upstream.port}`, '', '[pgbouncer]', ...section, ''].join(
    '\n',
  );
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

async function answersShow(adminUrl: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: adminUrl,
    ssl: false,
    options: '',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SHOW VERSION');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'ECONNREFUSED') return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
