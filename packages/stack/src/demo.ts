/** The demonstration: kills through HTTP, all of them applied, audited. */
import { randomUUID } from 'node:crypto';
import { type AuditReport, audit, type Database } from '@killfeed/db';
import { openQueueBackend, queueOptionsFromEnv } from '@killfeed/queue';
import { type Kill, type LoadReport, postKills } from './load.js';
import type { Stack } from './stack.js';

export interface DemoReport {
  readonly posted: LoadReport;
  /** Kills settled since the first was posted, per second, until the last one was. */
  readonly settledPerSecond: number;
  readonly settledSeconds: number;
  /** From the accepting API to the worker's write, over the kills of this demonstration, in ms. */
  readonly acceptedToApplied: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Connections at the server, by application. */
  readonly connections: ReadonlyMap<string, number>;
  readonly commits: { readonly count: number; readonly commands: number };
  readonly audit: AuditReport;
}

export interface DemoOptions {
  readonly kills: number;
  readonly onPosted: (answered: number) => void;
  readonly onSettled: (settled: number) => void;
}

/** Every hundredth kill goes for an enemy that another kill goes for too, and every hundredth is sent twice. */
const RIVAL_SHARE = 0.01;
const REPEAT_SHARE = 0.01;

/** How long the queue may stand still before the demonstration gives up, in ms. */
const STANDSTILL_MS = 30_000;
const LOOK_INTERVAL_MS = 100;

/** @throws when the kills are not applied in time */
export async function runDemo(stack: Stack, { kills, onPosted, onSettled }: DemoOptions): Promise<DemoReport> {
  const { database } = stack;
  const before = await countSettled(database);
  const requests = await planKills(database, kills);
  const startedAt = performance.now();
  const [posted] = await Promise.all([
    postKills({ url: stack.url, kills: requests, onProgress: onPosted }),
    waitUntilSettled(database, before + kills, (settled) => onSettled(settled - before)),
  ]);
  const settledSeconds = (performance.now() - startedAt) / 1000;
  return {
    posted,
    settledSeconds,
    settledPerSecond: kills / settledSeconds,
    acceptedToApplied: await readAcceptedToApplied(
      database,
      requests.map(({ id }) => id),
    ),
    connections: await readConnections(database),
    commits: await readCommits(stack),
    audit: await auditStack(stack),
  };
}

/** Runs the audit against the stack's database and queue. */
export async function auditStack({ database, env, databaseUrl }: Stack): Promise<AuditReport> {
  const backend = await openQueueBackend(queueOptionsFromEnv(env, databaseUrl));
  try {
    return await audit(database.pool, (ids) => backend.receipts.findHeld(ids));
  } finally {
    await backend.close();
  }
}

async function planKills(database: Database, count: number): Promise<Kill[]> {
  const heroes = await readIds(database, 'SELECT id FROM heroes ORDER BY id LIMIT 10000', []);
  const enemies = await readIds(database, 'SELECT id FROM enemies WHERE killed_by_hero_id IS NULL LIMIT $1', [count]);
  if (enemies.length < count) {
    throw new Error(
      `there are ${enemies.length} living enemies, ${count} are needed: \`npm run -s db:seed -- --enemies N\``,
    );
  }
  const kills = Array.from({ length: count }, (_, index): Kill => {
    const isRival = index % (1 / RIVAL_SHARE) === 1;
    return {
      id: randomUUID(),
      heroId: heroes[(index * 7919) % heroes.length] ?? '',
      enemyId: enemies[isRival ? index - 1 : index] ?? '',
    };
  });
  return kills.flatMap((kill, index) => (index % (1 / REPEAT_SHARE) === 50 ? [kill, kill] : [kill]));
}

async function readIds(database: Database, sql: string, values: unknown[]): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(sql, values);
  return rows.map(({ id }) => id);
}

async function countSettled(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ settled: number }>(
    `SELECT (SELECT count(*) FROM kills)::int + (SELECT count(*) FROM kill_rejections)::int
            + (SELECT count(*) FROM dead_letters)::int AS settled`,
  );
  return rows[0]?.settled ?? 0;
}

async function waitUntilSettled(database: Database, wanted: number, onSettled: (n: number) => void): Promise<void> {
  let last = -1;
  let movedAt = performance.now();
  for (;;) {
    const settled = await countSettled(database);
    onSettled(settled);
    if (settled >= wanted) return;
    if (settled !== last) movedAt = performance.now();
    last = settled;
    if (performance.now() - movedAt > STANDSTILL_MS) {
      throw new Error(`${wanted - settled} kills are neither applied nor refused, and nothing moves any more`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

async function readAcceptedToApplied(database: Database, ids: readonly string[]) {
  const { rows } = await database.pool.query<{ p50: number; p95: number; p99: number }>(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95,
            percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99
     FROM (SELECT extract(epoch FROM applied_at - accepted_at)::float8 * 1000 AS ms
           FROM kills WHERE id = ANY($1::uuid[])) AS latency`,
    [ids],
  );
  return rows[0] ?? { p50: 0, p95: 0, p99: 0 };
}

async function readConnections(database: Database): Promise<Map<string, number>> {
  const { rows } = await database.pool.query<{ application: string; connections: number }>(
    `SELECT application_name AS application, count(*)::int AS connections FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'killfeed/%' GROUP BY 1 ORDER BY 1`,
  );
  return new Map(rows.map(({ application, connections }) => [application, connections]));
}

async function readCommits({ workers }: Stack): Promise<DemoReport['commits']> {
  const texts = await Promise.all(workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  const sum = (name: string) =>
    texts
      .flatMap((text) => text.split('\n'))
      .filter((line) => line.startsWith(name))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  return {
    count: sum('killfeed_worker_commit_commands_count'),
    commands: sum('killfeed_worker_commit_commands_sum'),
  };
}
