/**
 * Prisma's schema engine, compiled to WebAssembly: the engine behind `prisma migrate`, without the binary that the
 * Prisma CLI downloads. What it applies and records (`_prisma_migrations`) is what `prisma migrate deploy` would.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

type EngineModule = typeof import('@prisma/schema-engine-wasm') & { __wbg_set_wasm(exports: object): void };

// What is used of Node's WebAssembly, whose types otherwise come only with the whole DOM library.
declare const WebAssembly: {
  instantiate(
    code: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

export interface OpenSchemaEngine {
  readonly engine: SchemaEngine;
  /** Ends the engine's connection, which otherwise keeps the process alive and the database in use. */
  close(): Promise<void>;
}

/**
 * Starts the engine on one database.
 *
 * @param url direct URL of the database (not through PgBouncer: migrations hold a session lock)
 * @param datamodel text of `schema.prisma`
 */
export async function openSchemaEngine(url: string, datamodel: string): Promise<OpenSchemaEngine> {
  engineModule ??= loadEngine();
  const { SchemaEngine } = await engineModule;
  // Field by field, not as a URL: the engine's shadow database is this configuration with another `database`, and a
  // URL would win over that, so that the migrations were replayed into the database itself. One connection: the lock
  // that keeps two migrations apart belongs to it.
  const pool = new pg.Pool({ ...parseIntoClientConfig(url), application_name: 'killfeed/migrate', max: 1 });
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
    const log = () => undefined;
    const engine = await SchemaEngine.new({ datamodels: [['schema.prisma', datamodel]] }, log, adapter);
    return { engine, close: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

// One instance a process: its JavaScript half keeps the instance in a module variable, a second one would break the first.
let engineModule: Promise<EngineModule> | undefined;

// The package's own entry imports the .wasm file as a module, which Node does only behind a flag: do it by hand.
async function loadEngine(): Promise<EngineModule> {
  // Where the engine leaves the text of a panic before it throws a bare "unreachable".
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message(message: string) {
        throw new Error(`Prisma's schema engine failed: ${message}`);
      },
    },
  });
  const bindings = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as unknown as EngineModule;
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'));
  const { instance } = await WebAssembly.instantiate(await readFile(join(folder, 'schema_engine_bg.wasm')), {
    './schema_engine_bg.js': withIdleTimers(bindings),
  });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return bindings;
}

// The engine waits 10 s for its lock and leaves that timer running when it has got it: the process would live on.
function withIdleTimers(bindings: object): object {
  const entries: [string, unknown][] = Object.entries(bindings);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (!name.startsWith('__wbg_setTimeout') || typeof value !== 'function') return [name, value];
      return [name, (...args: unknown[]) => value(...args).unref()];
    }),
  );
}
