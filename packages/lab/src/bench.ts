/**
 * The write path, side by side: the handler that people write today against group commit, on one server, in one run, in
 * turns (A B A B), so that a machine that grows slower slows both. No HTTP and no queue in it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyKills, createDatabase, type Database, migrate, saveDeadLetter, seed } from '@killfeed/db';
import type { Accepted, KillEnemy, KillOutcome } from '@killfeed/domain';
import { startPostgres } from '@killfeed/embedded';
import { createGroupCommit } from '@killfeed/kills-worker';
import { killEnemyReadModifyWrite } from './peer.js';

export interface BenchOptions {
  /** Turns of each case; the medians are over these. Default 5. */
  readonly rounds?: number;
  /** Kills of one turn. Defaults 1000 and 10000. */
  readonly peerKills?: number;
  readonly oursKills?: number;
  readonly onProgress?: (step: string) => void;
}

export interface CaseReport {
  /** Kills per second: median, lowest, highest turn. */
  readonly perSecond: { readonly median: number; readonly min: number; readonly max: number };
  readonly kills: number;
  /** Experience that the kills were worth and that no hero has. */
  readonly experienceLost: number;
}

export interface BenchReport {
  readonly server: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly cases: { readonly peer: CaseReport; readonly ours: CaseReport };
  /** Median of ours over median of the peer. */
  readonly ratio: number;
}

const HEROES = 100;
/** Callers at a time: requests in flight for the peer (on a pool of 10), commands in flight for group commit. */
const PEER_CONCURRENCY = 20;
const OURS_CONCURRENCY = 1000;
const BATCH_MAX = 500;

type Kill = { readonly heroId: string; readonly enemyId: string };

export async function runBench(options: BenchOptions = {}): Promise<BenchReport> {
  const { rounds = 5, peerKills = 1000, oursKills = 10_000, onProgress = () => {} } = options;
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-bench-'));
  const opened: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    onProgress('starting PostgreSQL');
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres') });
    opened.push(() => postgres.stop());
    // A database each, so that the peer's losses stay its own. One turn more than measured, to warm up.
    const open = async (name: string, enemies: number) => {
      onProgress(`preparing the database of ${name} (${enemies} enemies)`);
      const admin = createDatabase({ url: postgres.url, poolMax: 1 });
      await admin.pool.query(`CREATE DATABASE ${name}`).finally(() => admin.close());
      const database = createDatabase({ url: postgres.connectionUrl(name), poolMax: 10 });
      opened.push(() => database.close());
      await migrate(postgres.connectionUrl(name));
      await seed(database.pool, { heroes: HEROES, enemies });
      return { database, kills: await planKills(database) };
    };
    const peer = await open('peer', (rounds + 1) * peerKills);
    const ours = await open('ours', (rounds + 1) * oursKills);
    const applyOurs = groupCommitOn(ours.database);

    const speeds = { peer: [] as number[], ours: [] as number[] };
    for (let round = 0; round <= rounds; round++) {
      const peerSpeed = await inFlight(PEER_CONCURRENCY, turn(peer.kills, round, peerKills), ({ heroId, enemyId }) =>
        killEnemyReadModifyWrite(peer.database, heroId, enemyId),
      );
      const oursSpeed = await inFlight(OURS_CONCURRENCY, turn(ours.kills, round, oursKills), applyOurs);
      onProgress(
        `${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}: ${format(peerSpeed)} | ${format(oursSpeed)}`,
      );
      if (round === 0) continue;
      speeds.peer.push(peerSpeed);
      speeds.ours.push(oursSpeed);
    }
    const cases = {
      peer: await report(peer.database, speeds.peer, (rounds + 1) * peerKills),
      ours: await report(ours.database, speeds.ours, (rounds + 1) * oursKills),
    };
    return {
      ...(await describe(ours.database)),
      cases,
      ratio: cases.ours.perSecond.median / cases.peer.perSecond.median,
    };
  } finally {
    for (const close of opened.reverse()) await close();
  }
}

function groupCommitOn(database: Database): (kill: Kill) => Promise<unknown> {
  const acceptedAt = new Date().toISOString();
  const commit = createGroupCommit<Accepted<KillEnemy>, KillOutcome>({
    batchMax: BATCH_MAX,
    commit: (batch, attempt) => applyKills(database.pool, batch, attempt),
    async bury(accepted, error, attempts) {
      await saveDeadLetter(database.pool, accepted, error, attempts);
      throw new Error(`a kill of the benchmark could not be applied: ${error.message}`);
    },
  });
  return (kill) =>
    commit.push({
      command: { type: 'KillEnemy', id: crypto.randomUUID(), ...kill },
      payloadHash: 'bench',
      acceptedAt,
    });
}

async function planKills({ pool }: Database): Promise<Kill[]> {
  const { rows: heroes } = await pool.query<{ id: string }>('SELECT id FROM heroes ORDER BY id');
  const { rows: enemies } = await pool.query<{ id: string }>('SELECT id FROM enemies ORDER BY id');
  // Scattered, so that a hero often has two kills at a time: of 20 real events in a row, 69 % of the windows have that.
  const scatter = (index: number) => Math.imul(index + 1, 2_654_435_761) >>> 8;
  return enemies.map(({ id }, index) => ({ heroId: heroes[scatter(index) % heroes.length]?.id ?? '', enemyId: id }));
}

function turn(kills: readonly Kill[], round: number, size: number): Kill[] {
  return kills.slice(round * size, (round + 1) * size);
}

/** @returns kills per second */
async function inFlight(concurrency: number, kills: readonly Kill[], work: (kill: Kill) => Promise<unknown>) {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let kill = kills[next++]; kill !== undefined; kill = kills[next++]) await work(kill);
    }),
  );
  return kills.length / ((performance.now() - startedAt) / 1000);
}

async function report({ pool }: Database, speeds: readonly number[], kills: number): Promise<CaseReport> {
  const sorted = [...speeds].sort((a, b) => a - b);
  const { rows } = await pool.query<{ lost: number }>(
    `SELECT ((SELECT sum(level * 10) FROM enemies WHERE killed_by_hero_id IS NOT NULL)
             - (SELECT sum(50::bigint * level * (level - 1) + experience) FROM heroes))::float8 AS lost`,
  );
  return {
    perSecond: {
      median: sorted[Math.floor(sorted.length / 2)] ?? 0,
      min: sorted[0] ?? 0,
      max: sorted.at(-1) ?? 0,
    },
    kills,
    experienceLost: rows[0]?.lost ?? Number.NaN,
  };
}

async function describe({ pool }: Database): Promise<Pick<BenchReport, 'server' | 'settings'>> {
  const { rows } = await pool.query<{ name: string; setting: string }>(
    `SELECT name, current_setting(name) AS setting FROM pg_settings
     WHERE name IN ('fsync', 'max_wal_size', 'server_version', 'shared_buffers', 'synchronous_commit')`,
  );
  const { server_version: version, ...settings } = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
  return { server: `PostgreSQL ${version}`, settings };
}

function format(perSecond: number): string {
  return `${Math.round(perSecond).toLocaleString('en')}/s`;
}
