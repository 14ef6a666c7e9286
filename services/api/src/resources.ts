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
  /** Refuses new work, answers what runs, writes down what was accepted, closes everything, within SHUTDOWN_TIMEOUT_MS. */
  close(): Promise<void>;
}

/** How often reservations without a job are looked for, and how old they must be, in ms. */
const SWEEP_INTERVAL_MS = 5000;
const SWEEP_AGE_MS = 10_000;
/** Of SHUTDOWN_TIMEOUT_MS; the rest is for the process to end. */
const CLOSE_SHARE = 0.9;
const LEDGER_CLOSE_MS = 2000;
const STORE_CLOSE_MS = 500;

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
  const queue = await backend.openQueue();
  const events = await backend.openQueueEvents();

  const completion = createJobCompletion(events);
  const settled = createSettledReader(database.pool);
  const ledger: Ledger = createLedger(database.pool, {
    onStateChange: (state) => logger.warn({ state, droppedIds: ledger.droppedIds }, 'acceptance ledger'),
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
    // Each step has a time of its own: a store that is away is waited for without end, and an upload may go on for ever,
    // but what was accepted has to be written down.
    async close() {
      draining = true;
      const storesMs = LEDGER_CLOSE_MS + 2 * STORE_CLOSE_MS;
      await atMost(Math.max(STORE_CLOSE_MS, config.shutdownTimeoutMs * CLOSE_SHARE - storesMs), app.close());
      clearInterval(sweeper);
      await ledger.close(LEDGER_CLOSE_MS);
      await atMost(STORE_CLOSE_MS, Promise.allSettled([events.close(), queue.close()]));
      await atMost(STORE_CLOSE_MS, Promise.allSettled([backend.close(), database.close()]));
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

async function atMost(deadlineMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
