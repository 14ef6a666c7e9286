/** `pnpm audit:kills`: compares what was accepted with what was done, on DATABASE_URL and its queue. */
import { parseArgs } from 'node:util';
import { type AuditReport, audit, createDatabase, databaseOptionsFromEnv, directUrlFromEnv } from '@killfeed/db';
import { openQueueBackend, queueOptionsFromEnv } from '@killfeed/queue';
import { fail } from './cli.js';

const HELP = `Usage: pnpm audit:kills [--json]

Compares what was accepted with what was applied, rejected, dead or still queued, and every hero's and player's total
with the rows it is the sum of. Names each id that does not add up, and exits 1 if there is one.
Reads DATABASE_URL, REDIS_URL and QUEUE_BACKEND. (npm eats flags: npm run -s audit:kills -- --json)`;

try {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) console.log(HELP);
  else {
    const report = await run();
    if (values.json) console.log(JSON.stringify(report, null, 2));
    else print(report);
    process.exitCode = report.ok ? 0 : 1;
  }
} catch (error) {
  fail('audit:kills', error);
}

async function run(): Promise<AuditReport> {
  const database = createDatabase({ ...databaseOptionsFromEnv(process.env), applicationName: 'killfeed/audit' });
  try {
    const backend = await openQueueBackend(queueOptionsFromEnv(process.env, directUrlFromEnv(process.env)));
    try {
      return await audit(database.pool, (ids) => backend.receipts.findHeld(ids));
    } finally {
      await backend.close();
    }
  } finally {
    await database.close();
  }
}

function print(report: AuditReport): void {
  const { lost, double, experienceMismatches, playerMismatches, ok, ...counts } = report;
  for (const [name, count] of Object.entries(counts)) console.log(`${name.padEnd(12)} ${count}`);
  for (const id of lost) console.log(`lost         ${id}`);
  for (const id of double) console.log(`double       ${id}`);
  for (const { heroId, expected, found } of experienceMismatches) {
    console.log(`experience   hero ${heroId}: ${found}, its kills give ${expected}`);
  }
  for (const { server, id } of playerMismatches) console.log(`totals       player ${server}/${id}`);
  console.log(ok ? 'ok           everything adds up' : 'NOT OK');
}
