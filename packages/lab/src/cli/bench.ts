/** `pnpm bench`: the handler that people write today against group commit. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { type BenchReport, runBench } from '../bench.js';

const HELP = `Usage: pnpm bench [--rounds N] [--quick] [--json FILE]

Applies kills to PostgreSQL in two ways, in turns, in one run: by the handler that people write today (find hero, find
enemy, batch transaction through Prisma), and by group commit. The write path alone: no HTTP and no queue.
Exits 1 when group commit loses experience.

  --rounds N    turns of each (default 5)
  --quick       two small turns
  --json FILE   writes the report there too`;

try {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      quick: { type: 'boolean' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) console.log(HELP);
  else {
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
      throw new Error('--rounds takes a whole number from 1 to 100');
    const size = values.quick ? { rounds: 2, peerKills: 200, oursKills: 4000 } : { rounds };
    const report = await runBench({ ...size, onProgress: (step) => console.log(`  ${step}`) });
    print(report);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
    if (report.cases.ours.experienceLost !== 0) process.exitCode = 1;
  }
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function print({ server, settings, cases, ratio }: BenchReport): void {
  const number = (value: number) => Math.round(value).toLocaleString('en');
  console.log(
    `\n  ${server}, ${Object.entries(settings)
      .map((each) => each.join(' '))
      .join(', ')}; ${cpus().length} cores`,
  );
  for (const [name, { perSecond, kills, experienceLost }] of Object.entries(cases)) {
    const range = `${number(perSecond.min)} to ${number(perSecond.max)}`;
    const lost = experienceLost === 0 ? 'no experience lost' : pc.red(`${number(experienceLost)} experience lost`);
    console.log(
      `  ${name.padEnd(5)} ${number(perSecond.median).padStart(8)} kills/s (${range}), ${number(kills)} kills, ${lost}`,
    );
  }
  console.log(pc.bold(`  ratio ${ratio.toFixed(1)}`));
}
