/**
 * The API: accepts kill events, enqueues them, answers what became of them.
 *
 * Run it with `pnpm start:api`. SIGTERM or SIGINT refuses new requests, answers those that run, and leaves within
 * SHUTDOWN_TIMEOUT_MS.
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
  const logger = createLogger({ service: 'api', level: config.logLevel });
  const resources = await openResources(config, logger, version);
  await resources.app.listen({ port: config.port, host: config.host });
  logger.info({ port: config.port, queue: config.queue.kind }, 'api is accepting kills');

  closeWithGrace({ delay: config.shutdownTimeoutMs, logger }, async ({ signal, err }) => {
    if (err) logger.fatal({ err }, 'leaving after an unexpected error');
    else logger.info({ signal }, 'draining');
    await resources.close();
    logger.info('drained');
  });
} catch (error) {
  const busy = (error as { code?: unknown }).code === 'EADDRINUSE' ? ` (end what listens there, or set PORT)` : '';
  const reason = `${error instanceof Error ? error.message : String(error)}${busy}`;
  console.error(error instanceof ConfigurationError ? `api cannot start:\n${reason}` : `api: ${reason}`);
  process.exit(1);
}
