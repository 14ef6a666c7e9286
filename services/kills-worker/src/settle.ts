import { applyKillEvents, applyKills, type Database, saveDeadLetter } from '@killfeed/db';
import type { Accepted, KillEnemy, Outcome, RecordKillEvent } from '@killfeed/domain';
import type { Logger, Registry } from '@killfeed/observability';
import { createGroupCommit, type GroupCommit } from './group-commit.js';
import { createWorkerMetrics } from './worker-metrics.js';

/** The command could not be applied and is in the dead letters. */
interface Buried {
  readonly status: 'dead';
  readonly id: string;
}

/** Brings commands to their outcome: one group commit for each type of command. */
export interface Settler {
  settle(accepted: Accepted): Promise<Outcome | Buried>;
}

interface SettlerOptions {
  readonly database: Database;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly batchMax: number;
}

export function createSettler({ database, logger, registry, batchMax }: SettlerOptions): Settler {
  const { pool } = database;
  const metrics = createWorkerMetrics(registry, () => kills.pending + events.pending);

  function groupCommit<Command extends Accepted, Result extends Outcome>(
    command: string,
    apply: (batch: readonly Command[], attempt: number) => Promise<readonly Result[]>,
  ): GroupCommit<Command, Result | Buried> {
    return createGroupCommit<Command, Result | Buried>({
      batchMax,
      async commit(batch, attempt) {
        const outcomes = await apply(batch, attempt);
        for (const { status } of outcomes) metrics.outcomes.inc({ command, status });
        return outcomes;
      },
      async bury(accepted, error, attempts) {
        await saveDeadLetter(pool, accepted, error, attempts);
        metrics.outcomes.inc({ command, status: 'dead' });
        logger.error(
          { id: accepted.command.id, command, class: error.class, sqlState: error.sqlState, attempts },
          'command put away as a dead letter',
        );
        return { status: 'dead', id: accepted.command.id };
      },
      onCommit(commands, durationMs) {
        metrics.commitCommands.observe({ command }, commands);
        metrics.commitSeconds.observe({ command }, durationMs / 1000);
      },
      onRetry(error, attempt) {
        metrics.retries.inc({ command, class: error.class });
        const facts = { command, class: error.class, sqlState: error.sqlState, attempt, reason: error.message };
        if (attempt === 1) logger.warn(facts, 'commit failed and is tried again until it passes');
        else logger.debug(facts, 'commit failed again');
      },
    });
  }

  const kills = groupCommit('KillEnemy', (batch: readonly Accepted<KillEnemy>[], attempt) =>
    applyKills(pool, batch, attempt),
  );
  const events = groupCommit('RecordKillEvent', (batch: readonly Accepted<RecordKillEvent>[]) =>
    applyKillEvents(pool, batch),
  );

  return {
    settle(accepted) {
      return accepted.command.type === 'KillEnemy'
        ? kills.push({ ...accepted, command: accepted.command })
        : events.push({ ...accepted, command: accepted.command });
    },
  };
}
