import { Counter, Gauge, Histogram, type Registry } from '@killfeed/observability';

export interface WorkerMetrics {
  readonly outcomes: Counter<'command' | 'status'>;
  readonly commitSeconds: Histogram<'command'>;
  readonly commitCommands: Histogram<'command'>;
  readonly retries: Counter<'command' | 'class'>;
}

/** @param pending commands that this worker holds, read at each scrape */
export function createWorkerMetrics(registry: Registry, pending: () => number): WorkerMetrics {
  const registers = [registry];
  new Gauge({
    name: 'killfeed_worker_pending_commands',
    help: 'Commands taken from the queue and not settled yet',
    registers,
    collect() {
      this.set(pending());
    },
  });
  return {
    outcomes: new Counter({
      name: 'killfeed_worker_outcomes_total',
      help: 'Commands settled, by status: applied, duplicate, rejected, dead',
      labelNames: ['command', 'status'],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'killfeed_worker_commit_duration_seconds',
      help: 'Time of one group commit, from BEGIN to the answer of COMMIT',
      labelNames: ['command'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    commitCommands: new Histogram({
      name: 'killfeed_worker_commit_commands',
      help: 'Commands in one group commit',
      labelNames: ['command'],
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000],
      registers,
    }),
    retries: new Counter({
      name: 'killfeed_worker_commit_retries_total',
      help: 'Group commits that failed and were tried again, by class of the error',
      labelNames: ['command', 'class'],
      registers,
    }),
  };
}
