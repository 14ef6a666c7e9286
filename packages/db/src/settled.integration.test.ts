import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import type { Accepted, KillEnemy, RecordKillEvent } from '@killfeed/domain';
import { applyKills } from './combat/apply-kills.js';
import { ACCEPTED_AT, addEnemies, addHeroes, killOf } from './combat/combat.test-support.js';
import { saveDeadLetter } from './dead-letters.js';
import { applyKillEvents } from './killboard/record-events.js';
import { createSettledReader } from './settled.js';
import { openTestDatabase } from './testing.js';

const database = await openTestDatabase();
const { pool } = database;
const reader = createSettledReader(pool);
after(() => database.close());

const OVERFLOW = { class: 'data', sqlState: '22003', message: 'integer out of range' } as const;

async function oneKill(more: Partial<KillEnemy> = {}): Promise<Accepted<KillEnemy>> {
  const [heroId = ''] = await addHeroes(pool, 1);
  const [enemyId = ''] = await addEnemies(pool, 1, 12);
  return killOf(heroId, enemyId, more);
}

let lastEventId = 0;

function oneEvent(): Accepted<RecordKillEvent> {
  const player = { id: randomUUID(), name: 'p', guild: null, alliance: null };
  const [killer, victim] = [player, player];
  lastEventId += 1;
  const facts = { server: 'asia' as const, eventId: lastEventId, occurredAt: ACCEPTED_AT, fame: 1, killer, victim };
  const command: RecordKillEvent = { type: 'RecordKillEvent', id: randomUUID(), ...facts, event: {} };
  return { command, payloadHash: command.id, acceptedAt: ACCEPTED_AT };
}

async function accept(batchId: string, ids: readonly string[], acceptedAt = ACCEPTED_AT): Promise<void> {
  await pool.query('INSERT INTO acceptances (id, batch_id, accepted_at, ids) VALUES ($1, $2, $3, $4)', [
    randomUUID(),
    batchId,
    acceptedAt,
    ids,
  ]);
}

describe('a receipt', () => {
  test('is absent while the kill is not settled', async () => {
    assert.equal(await reader.findKill(randomUUID()), null);
  });

  test('tells what an applied kill gained', async () => {
    const kill = { ...(await oneKill({ occurredAt: '2026-11-20T10:00:00+02:00' })), batchId: randomUUID() };
    await applyKills(pool, [kill], 2);
    const receipt = await reader.findKill(kill.command.id);
    assert.ok(receipt);
    const { appliedAt = '', acceptedToAppliedMs = -1, ...rest } = receipt;
    assert.deepEqual(rest, {
      id: kill.command.id,
      status: 'applied',
      heroId: kill.command.heroId,
      enemyId: kill.command.enemyId,
      enemyType: 'ORC',
      occurredAt: '2026-11-20T08:00:00.000Z',
      acceptedAt: ACCEPTED_AT,
      batchId: kill.batchId,
      experienceGained: 120,
      levelBefore: 1,
      levelAfter: 2,
      attempts: 2,
    });
    assert.equal(new Date(appliedAt).toISOString(), appliedAt);
    assert.ok(Math.abs(acceptedToAppliedMs - Math.max(0, Date.parse(appliedAt) - Date.parse(ACCEPTED_AT))) <= 1);
  });

  test('tells why a kill was rejected', async () => {
    const kill = killOf(randomUUID(), randomUUID());
    await applyKills(pool, [kill], 1);
    const receipt = await reader.findKill(kill.command.id);
    assert.deepEqual([receipt?.status, receipt?.reason?.code], ['rejected', 'hero_not_found']);
    assert.deepEqual([receipt?.enemyType, receipt?.occurredAt, receipt?.attempts], [null, null, 1]);
    assert.ok(receipt && !('batchId' in receipt) && !('appliedAt' in receipt));
  });

  test('tells what a dead kill died of', async () => {
    const kill = await oneKill({ enemyType: 'TROLL' });
    await saveDeadLetter(pool, kill, OVERFLOW, 4);
    const { id, heroId, enemyId } = kill.command;
    assert.deepEqual(await reader.findKill(id), {
      id,
      status: 'dead',
      heroId,
      enemyId,
      enemyType: 'TROLL',
      occurredAt: null,
      acceptedAt: ACCEPTED_AT,
      attempts: 4,
      reason: { code: 'data', detail: 'integer out of range' },
    });
  });

  test('of a dead kill that was applied after all says applied', async () => {
    const kill = await oneKill();
    await saveDeadLetter(pool, kill, OVERFLOW, 1);
    await applyKills(pool, [kill], 1);
    assert.equal((await reader.findKill(kill.command.id))?.status, 'applied');
  });

  test('is for kills, not for killboard events', async () => {
    const [applied, dead] = [oneEvent(), oneEvent()];
    await applyKillEvents(pool, [applied]);
    await saveDeadLetter(pool, dead, OVERFLOW, 1);
    assert.equal(await reader.findKill(applied.command.id), null);
    assert.equal(await reader.findKill(dead.command.id), null);
  });
});

describe('a batch', () => {
  test('is absent where no request with its id was accepted', async () => {
    assert.equal(await reader.findBatch(randomUUID()), null);
  });

  test('counts its kills by status, each once, and is finished when none is queued', async () => {
    const batchId = randomUUID();
    const [applied, dead, replayed, queued] = [await oneKill(), await oneKill(), await oneKill(), await oneKill()];
    const rejected = killOf(randomUUID(), randomUUID());
    const ids = [applied, dead, replayed, queued, rejected].map(({ command }) => command.id);
    await accept(batchId, ids.slice(0, 3), '2026-11-21T09:00:00.000Z');
    await accept(batchId, ids);
    await saveDeadLetter(pool, dead, OVERFLOW, 1);
    await saveDeadLetter(pool, replayed, OVERFLOW, 1);
    await applyKills(pool, [applied, rejected, replayed], 1);
    const counts = { id: batchId, total: 5, applied: 2, rejected: 1, dead: 1, acceptedAt: '2026-11-21T09:00:00.000Z' };
    assert.deepEqual(await reader.findBatch(batchId), { ...counts, queued: 1 });

    await applyKills(pool, [queued], 1);
    const { rows } = await pool.query('SELECT applied_at FROM kills WHERE id = $1', [queued.command.id]);
    const finishedAt = rows[0].applied_at.toISOString();
    assert.deepEqual(await reader.findBatch(batchId), { ...counts, queued: 0, applied: 3, finishedAt });
  });

  test('counts killboard events too, one that died and was replayed once', async () => {
    const batchId = randomUUID();
    const [first, second] = [oneEvent(), oneEvent()];
    await accept(batchId, [first.command.id, second.command.id]);
    await saveDeadLetter(pool, second, OVERFLOW, 1);
    await applyKillEvents(pool, [first, second]);
    const batch = await reader.findBatch(batchId);
    assert.deepEqual([batch?.total, batch?.applied, batch?.dead, batch?.queued], [2, 2, 0, 0]);
  });
});

describe('payload hashes', () => {
  test('are known for every settled id and for no other', async () => {
    const [applied, dead] = [await oneKill(), await oneKill()];
    const rejected = killOf(randomUUID(), randomUUID());
    const event = oneEvent();
    await applyKills(pool, [applied, rejected], 1);
    await applyKillEvents(pool, [event]);
    await saveDeadLetter(pool, dead, OVERFLOW, 1);
    const all = [applied, rejected, dead, event];
    const found = await reader.findPayloadHashes([...all.map(({ command }) => command.id), randomUUID()]);
    assert.deepEqual(
      Object.fromEntries(found),
      Object.fromEntries(all.map(({ command, payloadHash }) => [command.id, payloadHash])),
    );
  });

  test('of nothing are none', async () => {
    assert.equal((await reader.findPayloadHashes([])).size, 0);
  });
});
