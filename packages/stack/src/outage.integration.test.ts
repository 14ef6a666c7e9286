import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startPostgres, startRedis } from '@killfeed/embedded';
import { auditStack } from './demo.js';
import { leftOut, openTestStack, type TestStack, until } from './testing.js';

test('accepts kills while the database is down and applies them when it is back (redis)', {
  skip: await leftOut('redis'),
}, async (t) => {
  const stack = await openTestStack(t, { queue: 'redis', heroes: 1, enemies: 100 });
  const kills = await planKills(stack);
  const { postgres } = stack;
  assert.ok(postgres);
  postgres.kill();
  await postgres.exited;

  const posts = await Promise.all(kills.map((body) => stack.client.POST('/kills', { body })));
  assert.deepEqual(new Set(posts.map(({ response }) => response.status)), new Set([202]));
  const ready = await stack.client.GET('/health/ready');
  assert.deepEqual([ready.response.status, ready.data?.status], [200, 'degraded']);
  const [first] = kills;
  const receipt = await stack.client.GET('/kills/{id}', { params: { path: { id: first?.id ?? '' } } });
  assert.equal(receipt.data?.status, 'queued');
  const heroes = await stack.client.GET('/heroes');
  assert.deepEqual([heroes.response.status, heroes.error?.code], [503, 'database_unavailable']);

  const restarted = await restartPostgres(stack);
  t.after(() => restarted.stop());
  await until('everything is applied', async () => (await countApplied(stack)) === kills.length);
  await until('the ledger has caught up', async () => (await auditStack(stack)).accepted === kills.length);
  assert.equal((await auditStack(stack)).ok, true);
});

test('answers 503 while the database is down where it is the queue too, and accepts again after', async (t) => {
  const stack = await openTestStack(t, { queue: 'postgres', heroes: 1, enemies: 10 });
  const [kill, ...more] = await planKills(stack);
  assert.ok(kill);
  stack.postgres?.kill();
  await stack.postgres?.exited;

  const startedAt = performance.now();
  const refused = await stack.client.POST('/kills', { body: kill });
  assert.deepEqual([refused.response.status, refused.error?.code], [503, 'queue_unavailable']);
  assert.ok(Number(refused.response.headers.get('retry-after')) > 0);
  assert.ok(performance.now() - startedAt < 3000, 'within 3 s');

  const restarted = await restartPostgres(stack);
  t.after(() => restarted.stop());
  await until('it accepts again', async () => {
    const { response } = await stack.client.POST('/kills', { body: kill });
    return response.status === 202 || response.status === 200;
  });
  for (const body of more) await stack.client.POST('/kills', { body });
  await until('everything is applied', async () => (await countApplied(stack)) === 1 + more.length);
  assert.equal((await auditStack(stack)).ok, true);
});

test('answers 503 with Retry-After within 3 s while Redis is down or frozen, and loses nothing', {
  skip: await leftOut('redis'),
}, async (t) => {
  const stack = await openTestStack(t, { queue: 'redis', heroes: 1, enemies: 20 });
  const kills = await planKills(stack);
  const { redis } = stack;
  assert.ok(redis);
  const post = async (body: (typeof kills)[number]) => {
    const startedAt = performance.now();
    const { response, error } = await stack.client.POST('/kills', { body });
    return { status: response.status, code: error?.code, response, ms: performance.now() - startedAt };
  };

  redis.kill('SIGSTOP');
  const [first] = kills;
  assert.ok(first);
  const frozen = await post(first);
  assert.deepEqual([frozen.status, frozen.code], [503, 'queue_unavailable']);
  assert.ok(Number(frozen.response.headers.get('retry-after')) > 0);
  assert.ok(frozen.ms < 3000, `within 3 s, not ${frozen.ms}`);
  redis.kill('SIGCONT');

  await until('Redis is heard again', async () => (await stack.client.GET('/health/ready')).response.status === 200);
  redis.kill('SIGKILL');
  await redis.exited;
  const down = await post(first);
  assert.deepEqual([down.status, down.code], [503, 'queue_unavailable']);
  assert.ok(down.ms < 3000, `within 3 s, not ${down.ms}`);

  const restarted = await startRedis({ dataDir: `${stack.folder}/redis`, port: redis.port });
  t.after(() => restarted.stop());
  for (const kill of kills) {
    await until('the kill is accepted', async () => [200, 202].includes((await post(kill)).status));
  }
  await until('everything is applied', async () => (await countApplied(stack)) === kills.length);
  assert.equal((await auditStack(stack)).ok, true);
});

async function planKills({ database }: TestStack) {
  const { rows: heroes } = await database.pool.query<{ id: string }>('SELECT id FROM heroes');
  const { rows: enemies } = await database.pool.query<{ id: string }>('SELECT id FROM enemies');
  return enemies.map(({ id }) => ({ id: randomUUID(), heroId: heroes[0]?.id ?? '', enemyId: id }));
}

async function countApplied({ database }: TestStack): Promise<number> {
  const { rows } = await database.pool.query<{ applied: number }>('SELECT count(*)::int AS applied FROM kills');
  return rows[0]?.applied ?? 0;
}

function restartPostgres({ folder, postgres }: TestStack) {
  return startPostgres({ dataDir: `${folder}/postgres`, ...(postgres === undefined ? {} : { port: postgres.port }) });
}
