/** `pnpm db:migrate`: brings the database of DATABASE_URL_DIRECT (else DATABASE_URL) to the schema of this version. */
import { parseArgs } from 'node:util';
import { migrate } from '../migrate.js';
import { directUrlFromEnv } from '../pool/pool-config.js';

const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
if (values.help) {
  console.log(`Usage: pnpm db:migrate

Applies the migrations in prisma/migrations that the database does not have yet, offline, by Prisma's own engine.
Reads DATABASE_URL_DIRECT (or DIRECT_URL, DATABASE_UNPOOLED_URL), else DATABASE_URL.`);
} else {
  try {
    const applied = await migrate(directUrlFromEnv(process.env));
    for (const name of applied) console.log(`applied ${name}`);
    console.log(applied.length === 0 ? 'the database is up to date' : `${applied.length} migration(s) applied`);
  } catch (error) {
    console.error(`db:migrate: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
}

// The engine's message goes on with advice and its own call stack; which migration it was stands only in there.
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const migration = /migration_name="([^"]+)"/.exec(message)?.[1];
  const [reason = ''] = message.replace(/^(\w+: )?external connector error\n/, '').split('\n', 1);
  return migration === undefined ? reason : `${migration}: ${reason}`;
}
