/**
 * Opened in order of need: database, queue, what stands on both. Closed in reverse, after the HTTP server: nobody can
 * be given a 202 by then, and the ledger writes down the last of them.
 */
import {
  createCombatReader,
  createDatabase,
  createKillboardReader,
  createLedger,
  createSettledReader,
  type Ledger,
} from '@killfeed/db';
import type { Accepted } from '@killfeed/domain';
import type { Logger } from '@killfeed/observability';
import { createJobCompletion, createProducer, openQueueBackend, type Producer } from '@killfeed/queue';
import { type AppOptions, buildApp } from './app.js';
import type { Config } from './config.js';
import { createIntake } from './intake.js';

export interface Resources {
  readonly app: Awaited<ReturnType<typeof buildApp>>;
  /** Refuses new work, answers what runs, writes down what was accepted, closes everything. Not bounded. */
  close(): Promise<void>;
}

/** How often reservations without a job are looked for, and how old they must be, in ms. */
const SWEEP_INTERVAL_MS = 5000;
const SWEEP_AGE_MS = 10_000;
const LEDGER_CLOSE_MS = 3000;

export async function openResources(config: Config, logger: Logger, version: string): Promise<Resources> {
  const database = createDatabase({
    ...config.database,
    applicationName: 'killfeed/api',
    onIdleError: (error) => logger.warn({ reason: error.message }, 'idle database connection lost'),
  });
  const backend = await openQueueBackend({
    ...config.queue,
    onStateChange: (state, error) => {
      if (state === 'up') logger.info({ backend: config.queue.kind }, 'queue connected');
      else logger.warn({ backend: config.queue.kind, reason: error?.message }, 'queue connection lost');
    },
  });
  const queue = backend.openQueue();
  const events = backend.openQueueEvents();

  const completion = createJobCompletion(events);
  const settled = createSettledReader(database.pool);
  const ledger = createLedger(database.pool, {
    onStateChange: (state) => logger.warn({ state }, 'acceptance ledger'),
  });
  const producer = createProducer({
    queue,
    receipts: backend.receipts,
    findSettled: (ids) => settled.findPayloadHashes(ids),
    onAccepted: (accepted) => writeDown(ledger, accepted),
    expectJob: (jobId) => completion.expect(jobId),
    ...(config.queue.timeoutMs === undefined ? {} : { timeoutMs: config.queue.timeoutMs }),
  });
  const sweeper = startSweeper(producer, logger);

  let draining = false;
  const options: AppOptions = {
    intake: createIntake({ producer, receipts: backend.receipts, completion, settled, ledger }),
    combatReader: createCombatReader(database.prisma),
    killboardReader: createKillboardReader(database.prisma),
    checks: {
      version,
      pingQueue: () => backend.ping(),
      probeDatabase: () => database.probe(),
      isDraining: () => draining,
    },
    combatWaitMs: config.combatWaitMs,
    logger,
  };
  const app = await buildApp(options);

  return {
    app,
    async close() {
      draining = true;
      await app.close();
      clearInterval(sweeper);
      await ledger.close(LEDGER_CLOSE_MS);
      await Promise.all([events.close(), queue.close()]);
      await backend.close();
      await database.close();
    },
  };
}

// One entry for the single kills of a write, one for each batch in it.
function writeDown(ledger: Ledger, accepted: readonly Accepted[]): void {
  const byBatch = new Map<string | undefined, Accepted[]>();
  for (const item of accepted) {
    const group = byBatch.get(item.batchId);
    if (group === undefined) byBatch.set(item.batchId, [item]);
    else group.push(item);
  }
  for (const [batchId, group] of byBatch) {
    const ids = group.map(({ command }) => command.id);
    const acceptedAt = group[0]?.acceptedAt ?? new Date().toISOString();
    void ledger.append({ ids, acceptedAt, ...(batchId === undefined ? {} : { batchId }) });
  }
}

function startSweeper(producer: Producer, logger: Logger): NodeJS.Timeout {
  return setInterval(async () => {
    try {
      const swept = await producer.sweep(SWEEP_AGE_MS);
      if (swept > 0) logger.info({ swept }, 'reservations that never reached the queue were enqueued');
    } catch (error) {
      logger.debug({ err: error }, 'the sweep waits for the queue');
    }
  }, SWEEP_INTERVAL_MS);
}
