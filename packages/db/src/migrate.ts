import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MigrationList } from '@prisma/schema-engine-wasm';
import { openSchemaEngine } from './schema-engine.js';

/** Where `schema.prisma` and `migrations/` are: the `prisma` folder at the root of the repository. */
export const PRISMA_FOLDER = join(import.meta.dirname, '../../../prisma');

const NO_FILTERS = { externalTables: [], externalEnums: [] };

/**
 * Applies the migrations that the database does not have yet, in order, under Prisma's lock.
 *
 * @param url direct URL of the database
 * @returns the names of those applied now; empty if it was up to date
 * @throws the engine's error, with the failing migration's name and PostgreSQL's message
 */
export async function migrate(url: string, folder = PRISMA_FOLDER): Promise<string[]> {
  const datamodel = await readFile(join(folder, 'schema.prisma'), 'utf8');
  const migrationsList = await readMigrations(folder);
  const { engine, close } = await openSchemaEngine(url, datamodel);
  try {
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: NO_FILTERS });
    return appliedMigrationNames;
  } finally {
    await close();
  }
}

async function readMigrations(folder: string): Promise<MigrationList> {
  const baseDir = join(folder, 'migrations');
  const entries = await readdir(baseDir, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.map(async (name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await readFile(join(baseDir, name, 'migration.sql'), 'utf8') },
        },
      })),
    ),
  };
}
