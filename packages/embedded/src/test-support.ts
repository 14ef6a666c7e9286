import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { listProcesses } from './process-table.js';

/** A temporary directory and the servers in it: both gone when the test ends, the servers first. */
export async function openWorkspace(
  t: TestContext,
  parent = tmpdir(),
): Promise<{ dir: string; keep<S extends { stop(): Promise<void> }>(server: S): S }> {
  const dir = await mkdtemp(path.join(parent, 'killfeed-embedded-'));
  const servers: { stop(): Promise<void> }[] = [];
  t.after(async () => {
    for (const server of servers.reverse()) await server.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const keep = <S extends { stop(): Promise<void> }>(server: S): S => {
    servers.push(server);
    return server;
  };
  return { dir, keep };
}

/** Rows of one simple query on a connection of its own. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Skips aloud where a program is missing; fails where everything is required (CI). */
export function skipWithout(t: TestContext, program: string, found: unknown, howToGetIt: string): boolean {
  if (found !== null) return false;
  const message = `${program} is missing, so this was NOT tested; get it by: ${howToGetIt}`;
  if (process.env.KILLFEED_REQUIRE === 'all') throw new Error(message);
  console.error(`SKIPPED: ${t.name}: ${message}`);
  t.skip(message);
  return true;
}

/** True while the process lives. A zombie does not: some inits are slow to bury what they adopted. */
export function isAlive(pid: number): boolean {
  return listProcesses().some((entry) => entry.pid === pid);
}

/** Waits for something that another process does; gives up after 10 s. */
export async function eventually(description: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await condition()); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${description}`);
  }
}
