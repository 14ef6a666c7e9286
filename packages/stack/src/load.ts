/** Posts kills through HTTP, one request a kill, as fast as a number of connections allow. */
import { Pool } from 'undici';

export interface Kill {
  readonly id: string;
  readonly heroId: string;
  readonly enemyId: string;
}

export interface LoadReport {
  /** Requests by HTTP status; 0 stands for no answer. */
  readonly answers: ReadonlyMap<number, number>;
  readonly seconds: number;
  /** Time from request to answer, sorted, in ms. */
  readonly latenciesMs: Float64Array;
}

export interface LoadOptions {
  readonly url: string;
  readonly kills: readonly Kill[];
  /** Default 64. */
  readonly connections?: number;
  /** Told how many requests were answered, now and then. */
  readonly onProgress?: (answered: number) => void;
}

export async function postKills({ url, kills, connections = 64, onProgress }: LoadOptions): Promise<LoadReport> {
  const pool = new Pool(url, { connections, pipelining: 1 });
  const latenciesMs = new Float64Array(kills.length);
  const answers = new Map<number, number>();
  let next = 0;
  let answered = 0;

  async function post(kill: Kill): Promise<number> {
    try {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/kills',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(kill),
      });
      await body.dump();
      return statusCode;
    } catch {
      return 0;
    }
  }

  async function work(): Promise<void> {
    for (let kill = kills[next++]; kill !== undefined; kill = kills[next++]) {
      const startedAt = performance.now();
      const status = await post(kill);
      latenciesMs[answered] = performance.now() - startedAt;
      answers.set(status, (answers.get(status) ?? 0) + 1);
      answered += 1;
      onProgress?.(answered);
    }
  }

  const startedAt = performance.now();
  await Promise.all(Array.from({ length: connections }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return { answers, seconds, latenciesMs: latenciesMs.subarray(0, answered).sort() };
}

/** The value below which `share` (0 to 1) of the sorted values lie. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
