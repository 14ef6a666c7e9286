/** `npm run demo`: the whole product in front of your eyes, in under two minutes. */
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { describePortUser, freePort } from '@killfeed/embedded';
import cliProgress from 'cli-progress';
import pc from 'picocolors';
import { type DemoReport, runDemo } from '../demo.js';
import { endFormerStack } from '../former-stack.js';
import { percentile } from '../load.js';
import { type Stack, startStack } from '../stack.js';
import { DATA_FOLDER, fail, requireFreePort, say, wholeNumber } from './cli.js';

const HELP = `Usage: npm run demo -- [--kills N] [--port N]

Starts PostgreSQL, a queue, the worker and the API, posts kills through HTTP, waits until all are applied, audits
the result and stops everything again.

  --kills N   how many kills to post (default 5000)
  --port N    the API's port (default 3000, or a free one if that is busy)

DATABASE_URL and REDIS_URL make it use those servers; QUEUE_BACKEND=redis|postgres chooses the queue by hand.`;

const DEFAULT_PORT = 3000;
const FOLDER = join(DATA_FOLDER, 'demo');

try {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '5000' },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) console.log(HELP);
  else await demo(wholeNumber('--kills', values.kills, 1, 1_000_000), values.port);
} catch (error) {
  fail('demo', error);
}

async function demo(kills: number, portText: string | undefined): Promise<void> {
  console.log(pc.bold('\nKillfeed: the demonstration'));
  await endFormerStack(FOLDER);
  const port = await choosePort(portText);
  const starting = startStack({
    folder: FOLDER,
    fresh: true,
    port,
    enemies: Math.max(20_000, kills),
    env: process.env,
    onProgress: say,
  });
  let interrupted = false;
  // Also while it starts: what was begun by then is waited for and stopped, not left behind.
  const interrupt = () => {
    if (interrupted) return;
    interrupted = true;
    console.log('\nstopping everything');
    void starting
      .then((each) => each.stop())
      .catch(() => {})
      .finally(() => process.exit(130));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const stack = await starting;
  try {
    await show(stack, kills);
  } catch (error) {
    // What fails after Ctrl-C fails because of it.
    if (!interrupted) throw error;
  } finally {
    if (!interrupted) await stack.stop();
  }
}

async function show(stack: Stack, kills: number): Promise<void> {
  say(`queue: ${stack.queue.kind} (${stack.queue.reason})`);
  say(`API: ${stack.url}, Swagger at ${stack.url}/api while this runs\n`);
  const report = await withProgress(kills, (onPosted, onSettled) => runDemo(stack, { kills, onPosted, onSettled }));
  print(report, kills);
  if (!report.audit.ok) throw new Error('the audit found something that does not add up (above)');
  if (countAnswers(report, [200, 202]) !== requestsOf(report)) throw new Error('some requests were not accepted');
}

async function choosePort(text: string | undefined): Promise<number> {
  if (text !== undefined) {
    const port = wholeNumber('--port', text, 1, 65_535);
    await requireFreePort(port, 'npm run demo -- --port 3005');
    return port;
  }
  const user = await describePortUser(DEFAULT_PORT);
  if (user === null) return DEFAULT_PORT;
  const port = await freePort();
  say(`port ${DEFAULT_PORT} is in use by ${user}; the API listens on ${port} instead`);
  return port;
}

async function withProgress(
  kills: number,
  run: (onPosted: (n: number) => void, onSettled: (n: number) => void) => Promise<DemoReport>,
): Promise<DemoReport> {
  const bars = new cliProgress.MultiBar(
    {
      format: '  {step} [{bar}] {percentage} % | {value}/{total} | {duration_formatted}',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 2000,
      clearOnComplete: false,
    },
    cliProgress.Presets.rect,
  );
  const posted = bars.create(kills, 0, { step: 'posted ' });
  const settled = bars.create(kills, 0, { step: 'settled' });
  try {
    return await run(
      (n) => posted.update(Math.min(n, kills)),
      (n) => settled.update(n),
    );
  } finally {
    bars.stop();
  }
}

function requestsOf({ posted }: DemoReport): number {
  return [...posted.answers.values()].reduce((sum, count) => sum + count, 0);
}

function countAnswers({ posted }: DemoReport, statuses: readonly number[]): number {
  return statuses.reduce((sum, status) => sum + (posted.answers.get(status) ?? 0), 0);
}

function print(report: DemoReport, kills: number): void {
  const { posted, audit, acceptedToApplied, commits, connections } = report;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const three = (p50: number, p95: number, p99: number) => `p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}`;
  const [p50 = 0, p95 = 0, p99 = 0] = [0.5, 0.95, 0.99].map((share) => percentile(posted.latenciesMs, share));
  const answers = [...posted.answers].map(([status, count]) => `${count} x ${status || 'no answer'}`).join(', ');
  const rows: [string, string][] = [
    ['requests', `${requestsOf(report)} (${answers}), ${Math.round(requestsOf(report) / posted.seconds)}/s`],
    ['accepted', `${audit.accepted} kills; the other ${requestsOf(report) - kills} requests repeated an id`],
    ['applied', `${audit.applied}`],
    ['rejected', `${audit.rejected} (enemy killed by another hero first)`],
    ['throughput', `${Math.round(report.settledPerSecond)} kills/s end to end, ${report.settledSeconds.toFixed(1)} s`],
    ['time to 202', three(p50, p95, p99)],
    ['accepted to applied', three(acceptedToApplied.p50, acceptedToApplied.p95, acceptedToApplied.p99)],
    ['group commits', `${commits.count}, ${(commits.commands / Math.max(1, commits.count)).toFixed(1)} kills each`],
    ['connections', [...connections].map(([name, count]) => `${name} ${count}`).join(', ')],
    [
      'audit',
      `${audit.lost.length} lost, ${audit.double.length} double, ${audit.experienceMismatches.length} heroes off, ${audit.inFlight} in flight, ${audit.dead} dead`,
    ],
  ];
  console.log();
  for (const [name, value] of rows) console.log(`  ${name.padEnd(20)} ${value}`);
  for (const id of [...audit.lost, ...audit.double]) console.log(pc.red(`  does not add up: ${id}`));
  console.log(
    audit.ok ? pc.green('\n  every accepted kill was applied or refused exactly once') : pc.red('\n  NOT OK'),
  );
  console.log(`
  next:  npm start                      the same, kept running on http://localhost:3000
         http://localhost:3000/api      every route, to try out
         ${relative(process.cwd(), FOLDER)}/*.log             what the services said
         README.md, ARCHITECTURE.md     how it works
`);
}
