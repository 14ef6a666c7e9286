/** `npm start`: the stack, kept running; data stays in `.killfeed/data`. Ctrl-C or SIGTERM drains and stops it. */
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { endFormerStack } from '../former-stack.js';
import { startStack } from '../stack.js';
import { DATA_FOLDER, fail, requireFreePort, say, wholeNumber } from './cli.js';

const HELP = `Usage: npm start -- [--port N] [--workers N]

Starts PostgreSQL, a queue, the worker and the API, and keeps them running until Ctrl-C. Data stays in .killfeed/data.

  --port N      the API's port (default 3000, or PORT)
  --workers N   worker processes (default 1)

DATABASE_URL and REDIS_URL make it use those servers; QUEUE_BACKEND=redis|postgres chooses the queue by hand.`;

const FOLDER = join(DATA_FOLDER, 'data');

try {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: process.env.PORT || '3000' },
      workers: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) console.log(HELP);
  else {
    const port = wholeNumber('--port', values.port, 1, 65_535);
    await start(port, wholeNumber('--workers', values.workers, 1, 64));
  }
} catch (error) {
  fail('start', error);
}

async function start(port: number, workers: number): Promise<void> {
  console.log(pc.bold('\nKillfeed'));
  await endFormerStack(FOLDER);
  await requireFreePort(port, 'npm start -- --port 3005');
  const starting = startStack({ folder: FOLDER, port, workers, env: process.env, onProgress: say });
  let stopping = false;
  // Also while it starts: what was begun by then is waited for and stopped, not left behind.
  const stop = (code: number) => {
    if (stopping) return;
    stopping = true;
    console.log('\ndraining and stopping everything');
    void starting
      .then((each) => each.stop())
      .catch(() => {})
      .finally(() => process.exit(code));
  };
  process.on('SIGINT', () => stop(0)).on('SIGTERM', () => stop(0));
  const stack = await starting;
  if (stopping) return;
  console.log(`
  API        ${stack.url}
  Swagger    ${stack.url}/api
  health     ${stack.url}/health/ready
  worker     ${stack.workers.map(({ url }) => `${url}/metrics`).join(', ')}
  queue      ${stack.queue.kind} (${stack.queue.reason})
  data       ${relative(process.cwd(), FOLDER)}
  commands   set -a; . ${relative(process.cwd(), FOLDER)}/env; npm run audit:kills (or db:seed)

  try        curl -s '${stack.url}/heroes?limit=1' and '${stack.url}/enemies?limit=1&alive=true', then
             curl -X PUT ${stack.url}/combat/heroes/HERO/kill/dragon/ENEMY

  Ctrl-C drains and stops everything.
`);
  for (const service of [stack.api, ...stack.workers]) {
    void service.exited.then(({ code, signal }) => {
      if (stopping) return;
      console.error(`${service.name} left by itself (${signal ?? `exit ${code}`}); its log is in ${FOLDER}`);
      stop(1);
    });
  }
}
