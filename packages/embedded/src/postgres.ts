import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { findPostgresBinaries } from './binaries.js';
import { claimPort } from './claim-port.js';
import { ServerStartError } from './errors.js';
import { stopFormerServer } from './former-server.js';
import { createCluster, isCluster, removeForeignPidFile, SUPERUSER, withoutPgVariables } from './postgres-cluster.js';
import { readOrCreatePassword, readPassword } from './secrets.js';
import { type EmbeddedServer, startServer } from './server-process.js';
import { giveTo, unprivileged } from './unprivileged.js';

export interface PostgresOptions {
  /**
   * The data directory; made on the first start, reused afterwards. `<dataDir>.password` (mode 0600) and
   * `<dataDir>.log` are kept beside it.
   */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; default: a free one. */
  readonly port?: number | undefined;
  /** Created if absent, and the one that `url` names; default `killfeed`. */
  readonly database?: string | undefined;
  /** postgresql.conf settings for this run, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Called with what takes time: the first start's initdb, stopping a former server. */
  readonly onProgress?: ((step: string) => void) | undefined;
  /** Default `<dataDir>.log`. */
  readonly logFile?: string | undefined;
}

export interface PostgresServer extends EmbeddedServer {
  /** The URL of another database on this server (percent-encoded as needed; it is not created). */
  connectionUrl(database: string): string;
}

/** After a crash the server replays its log before it answers, which can take long with a large `max_wal_size`. */
const READY_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 10_000;
const PROBE_TIMEOUT_MS = 2000;
const NAME = 'PostgreSQL';

/**
 * Starts a real PostgreSQL on 127.0.0.1, as its superuser `postgres` with a random password, and waits until it has
 * answered a query. Works as root too. A server that an earlier, killed run left on the directory is stopped first.
 * Throws `ServerStartError`, which says what to do.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const dataDir = path.resolve(options.dataDir);
  const logFile = path.resolve(options.logFile ?? `${dataDir}.log`);
  const passwordFile = `${dataDir}.password`;
  const binaries = await findPostgresBinaries();
  const runner = await unprivileged();
  await mkdir(path.dirname(dataDir), { recursive: true });
  await stopFormerServer({
    server: NAME,
    dataDir,
    names: ['postgres'],
    // Fast shutdown, immediate shutdown, and no shutdown at all: the next start recovers from each.
    signals: [
      ['SIGINT', STOP_DEADLINE_MS],
      ['SIGQUIT', 5000],
      ['SIGKILL', 5000],
    ],
    onProgress: options.onProgress,
  });
  const port = await claimPort(NAME, options.port);

  if (!(await isCluster(dataDir))) {
    options.onProgress?.(`creating a PostgreSQL data directory in ${dataDir}`);
    await readOrCreatePassword(passwordFile);
    await createCluster({ dataDir, passwordFile, initdb: binaries.initdb, runner });
  }
  const password = await readPassword(passwordFile);
  if (password === null) {
    const advice = `Put the file back, or delete ${dataDir} to start with an empty database.`;
    throw new ServerStartError(NAME, `its password file ${passwordFile} is missing.`, advice);
  }
  await giveTo(NAME, runner, dataDir);
  await chmod(dataDir, 0o700); // PostgreSQL insists, and an unpacked archive may have lost it.
  await removeForeignPidFile(dataDir);

  const connectionUrl = (database: string): string =>
    `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const settings = {
    ...options.settings,
    // Last, so that no setting opens the server to the network or to a socket in a shared directory.
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  };
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const server = await startServer({
    name: NAME,
    command: runner.command(binaries.postgres, args),
    cwd: path.dirname(dataDir),
    env: withoutPgVariables(),
    logFile,
    stopSignal: 'SIGINT',
    stopDeadlineMs: STOP_DEADLINE_MS,
    probe: () => answersQuery(connectionUrl('postgres')),
    readyDeadlineMs: READY_DEADLINE_MS,
    advice: (logTail) => advice(logTail, dataDir, logFile),
  });
  const database = options.database ?? 'killfeed';
  try {
    await createDatabaseIfAbsent(connectionUrl('postgres'), database);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { ...server, port, url: connectionUrl(database), connectionUrl };
}

/** What a server says while it starts, recovers or goes away again. */
const NOT_YET = new Set(['57P03', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT']);

async function answersQuery(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query('select 1'));
    return true;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    // pg gives its own errors no code: "Connection terminated", "timeout expired".
    if (code === undefined ? /terminated|timeout/.test(message) : NOT_YET.has(code)) return false;
    throw error;
  }
}

async function createDatabaseIfAbsent(url: string, database: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
  });
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  // `ssl` and `options` are said here because pg would otherwise take them from PGSSLMODE and PGOPTIONS.
  const client = new pg.Client({
    connectionString: url,
    ssl: false,
    options: '',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
  });
  // A connection that breaks later than its query has answered is nobody's business.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function advice(logTail: string, dataDir: string, logFile: string): string {
  if (/Address already in use/i.test(logTail)) return 'Another program took the port in between: start again.';
  if (/password authentication failed/.test(logTail)) {
    return `The password in ${dataDir}.password is not this server's: put the right file back, or delete ${dataDir}.`;
  }
  if (/Permission denied/i.test(logTail)) {
    return `Its user may not enter ${dataDir} or a directory above it: run as the owner of that directory.`;
  }
  if (/No space left/i.test(logTail)) return `Make room on the disk of ${dataDir}, then start again.`;
  return `The log is ${logFile}; delete ${dataDir} to start with an empty database.`;
}
