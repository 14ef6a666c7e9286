/** `pnpm db:seed --heroes 1000 --enemies 100000`: fills DATABASE_URL with heroes and living enemies. */
import { parseArgs } from 'node:util';
import { createDatabase } from '../database.js';
import { classifyError } from '../errors.js';
import { databaseOptionsFromEnv } from '../pool/pool-config.js';
import { seed } from '../seed.js';

const HELP = `Usage: pnpm db:seed [--heroes N] [--enemies N]

Adds heroes (level 1) and living enemies to the database of DATABASE_URL. Running it twice adds nothing twice.

  --heroes N    how many heroes there should be (default 1000)
  --enemies N   how many enemies there should be (default 20000)`;

try {
  const { values } = parseArgs({
    options: {
      heroes: { type: 'string', default: '1000' },
      enemies: { type: 'string', default: '20000' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) console.log(HELP);
  else await run(count('--heroes', values.heroes), count('--enemies', values.enemies));
} catch (error) {
  console.error(`db:seed: ${classifyError(error).message}`);
  process.exitCode = 1;
}

async function run(heroes: number, enemies: number): Promise<void> {
  const database = createDatabase({ ...databaseOptionsFromEnv(process.env), applicationName: 'killfeed/seed' });
  try {
    const added = await seed(database.pool, { heroes, enemies, onProgress: showProgress });
    console.log(`${heroes} heroes and ${enemies} enemies are there (${added} new)`);
  } finally {
    await database.close();
  }
}

function showProgress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\rseeding ${done}/${total}${done === total ? '\n' : ''}`);
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 10_000_000) return value;
  throw new Error(`${flag} takes a whole number from 0 to 10000000, not "${text}"`);
}
