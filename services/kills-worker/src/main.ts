/**
 * The kills worker: takes jobs from the queue and applies their commands to PostgreSQL.
 *
 * Run it with `pnpm start:kills`. SIGTERM or SIGINT stops the intake, commits what was taken and leaves with exit code 0;
 * with 1, within SHUTDOWN_TIMEOUT_MS, where the queue or the database does not let it. What could not be committed by
 * then stays in the queue and is offered to another worker.
 */
import { createRequire } from 'node:module';
import { ConfigurationError } from '@killfeed/config';
import { createLogger } from '@killfeed/observability';
import closeWithGrace from 'close-with-grace';
import { parseConfig } from './config.js';
import { openResources } from './resources.js';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

try {
  const config = parseConfig(process.env);
  const logger = createLogger({ service: 'kills-worker', level: config.logLevel });
  const resources = await openResources(config, logger, version);
  const facts = { concurrency: config.concurrency, batchMax: config.batchMax, port: config.port };
  logger.info({ ...facts, queue: config.queue.kind }, 'worker is taking kills');

  closeWithGrace({ delay: config.shutdownTimeoutMs, logger }, async ({ signal, err }) => {
    if (err) logger.fatal({ err }, 'leaving after an unexpected error');
    else logger.info({ signal }, 'draining');
    await resources.close();
    logger.info('drained');
  });
} catch (error) {
  const busy =
    (error as { code?: unknown }).code === 'EADDRINUSE' ? ` (end what listens there, or set WORKER_PORT)` : '';
  const reason = `${error instanceof Error ? error.message : String(error)}${busy}`;
  console.error(
    error instanceof ConfigurationError ? `kills-worker cannot start:\n${reason}` : `kills-worker: ${reason}`,
  );
  process.exit(1);
}
