import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { auditStack } from './demo.js';
import { postKills } from './load.js';
import { leftOut, openTestStack, QUEUES, type TestStack, until } from './testing.js';

const KILLS = 3000;

for (const queue of QUEUES) {
  test(`applies everything accepted exactly once when the worker is killed in mid-load (${queue})`, {
    skip: await leftOut(queue),
  }, async (t) => {
    const stack = await openTestStack(t, { queue, heroes: 10, enemies: KILLS });
    const kills = await planKills(stack);
    const load = postKills({ url: stack.url, kills, connections: 16 });

    for (const share of [0.1, 0.3, 0.5]) {
      await until('the worker is in mid-load', async () => (await countApplied(stack)) >= KILLS * share * 0.5);
      const victim = stack.workers.at(-1);
      assert.ok(victim);
      victim.kill('SIGKILL');
      assert.equal((await victim.exited).signal, 'SIGKILL');
      await stack.startWorker();
    }
    const { answers } = await load;

    assert.deepEqual([...answers], [[202, KILLS]]);
    await until('everything is applied', async () => (await countApplied(stack)) === KILLS);
    const { ok, accepted, applied, duplicates, inFlight } = await auditStack(stack);
    assert.deepEqual(
      { ok, accepted, applied, duplicates, inFlight },
      { ok: true, accepted: KILLS, applied: KILLS, duplicates: 0, inFlight: 0 },
    );
  });

  test(`commits what the worker took before it leaves on SIGTERM (${queue})`, {
    skip: await leftOut(queue),
  }, async (t) => {
    const stack = await openTestStack(t, { queue, heroes: 10, enemies: KILLS });
    const load = postKills({ url: stack.url, kills: await planKills(stack), connections: 16 });
    await until('the worker is in mid-load', async () => (await countApplied(stack)) > 0);

    const [worker] = stack.workers;
    worker?.kill('SIGTERM');
    assert.deepEqual(await worker?.exited, { code: 0, signal: null });

    await stack.startWorker();
    await load;
    await until('everything is applied', async () => (await countApplied(stack)) === KILLS);
    assert.equal((await auditStack(stack)).ok, true);
  });
}

async function planKills({ database }: TestStack) {
  const { rows: heroes } = await database.pool.query<{ id: string }>('SELECT id FROM heroes');
  const { rows: enemies } = await database.pool.query<{ id: string }>('SELECT id FROM enemies');
  return enemies.map(({ id }, index) => ({
    id: randomUUID(),
    heroId: heroes[index % heroes.length]?.id ?? '',
    enemyId: id,
  }));
}

async function countApplied({ database }: TestStack): Promise<number> {
  const { rows } = await database.pool.query<{ applied: number }>('SELECT count(*)::int AS applied FROM kills');
  return rows[0]?.applied ?? 0;
}
