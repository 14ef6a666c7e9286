import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ServerStartError } from './errors.js';
import { giveTo, type Unprivileged } from './unprivileged.js';

/** The role that owns the cluster and that the URLs name. */
export const SUPERUSER = 'postgres';

/** True if a whole cluster is there. Throws `ServerStartError` for a directory that holds something else. */
export async function isCluster(dataDir: string): Promise<boolean> {
  const exists = await access(path.join(dataDir, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (exists) return true;
  const entries = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (entries.length === 0) return false;
  const reason = `${dataDir} is not empty and not a PostgreSQL data directory.`;
  throw new ServerStartError('PostgreSQL', reason, 'Choose another directory, or delete this one.');
}

/**
 * Makes a new cluster: UTF8, locale C.UTF-8 (PostgreSQL's own, the same on every system), scram-sha-256 for everyone.
 * Made beside the directory and renamed, so that an interrupted start never leaves half of one under its name.
 */
export async function createCluster(options: {
  dataDir: string;
  passwordFile: string;
  initdb: string;
  runner: Unprivileged;
}): Promise<void> {
  const { dataDir, passwordFile, runner } = options;
  await removeHalfMade(dataDir);
  const halfMade = `${halfMadePrefix(dataDir)}${randomUUID()}`;
  await mkdir(halfMade, { mode: 0o700 });
  await giveTo('PostgreSQL', runner, halfMade);
  await giveTo('PostgreSQL', runner, passwordFile);
  const { file, args, ...identity } = runner.command(options.initdb, [
    ...['-D', halfMade],
    ...['-U', SUPERUSER],
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
  ]);
  try {
    await promisify(execFile)(file, args, { ...identity, cwd: path.dirname(dataDir), env: withoutPgVariables() });
    await rename(halfMade, dataDir);
  } catch (cause) {
    await rm(halfMade, { recursive: true, force: true });
    const { stderr = '' } = cause as { stderr?: string };
    const advice = `The directory ${path.dirname(dataDir)} must be writable and have about 50 MB left.`;
    throw new ServerStartError('PostgreSQL', 'initdb could not make its data directory.', advice, stderr.trim(), {
      cause,
    });
  }
}

/** What is left of first starts that were interrupted. */
async function removeHalfMade(dataDir: string): Promise<void> {
  const parent = path.dirname(dataDir);
  const prefix = path.basename(halfMadePrefix(dataDir));
  for (const name of (await readdir(parent)).filter((entry) => entry.startsWith(prefix))) {
    await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

function halfMadePrefix(dataDir: string): string {
  return `${dataDir}.initdb-`;
}

/**
 * Removes a postmaster.pid whose number now belongs to some other program: PostgreSQL only sees that the pid lives and
 * would refuse to start. To be called when it is certain that no server runs on the directory.
 */
export async function removeForeignPidFile(dataDir: string): Promise<void> {
  const file = path.join(dataDir, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  // A pid that is gone is left to PostgreSQL, which also looks at the shared memory that the file names.
  if (pid > 0 && isAlive(pid)) await rm(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** PGDATA, PGPORT and their kin would steer the programs elsewhere. Messages in English, so that they can be read here. */
export function withoutPgVariables(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
