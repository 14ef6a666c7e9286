/** Each test breaks the books of its own database in one way, and the audit must name exactly that. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import type { Accepted, RecordKillEvent } from '@killfeed/domain';
import type { Pool } from 'pg';
import { type AuditReport, audit } from './audit.js';
import { applyKills } from './combat/apply-kills.js';
import { addEnemies, addHeroes, killOf } from './combat/combat.test-support.js';
import { saveDeadLetter } from './dead-letters.js';
import { applyKillEvents } from './killboard/record-events.js';
import { openTestDatabase } from './testing.js';

const nothingQueued = async () => new Set<string>();

interface Books {
  readonly pool: Pool;
  readonly heroIds: readonly string[];
  readonly enemyIds: readonly string[];
  readonly appliedIds: readonly string[];
  accept(...ids: string[]): Promise<void>;
}

/** Three applied kills, one rejected, one dead, one event; all of them accepted. */
async function openBooks(t: TestContext): Promise<Books> {
  const database = await openTestDatabase();
  t.after(() => database.close());
  const { pool } = database;
  const heroIds = await addHeroes(pool, 2);
  const enemyIds = await addEnemies(pool, 4, 25);
  const [first = '', second = ''] = heroIds;
  const kills = [first, first, second].map((heroId, index) => killOf(heroId, enemyIds[index] ?? ''));
  const rejected = killOf(first, randomUUID());
  const dead = killOf(first, randomUUID());
  const event = killEvent();
  await applyKills(pool, [...kills, rejected], 1);
  await applyKillEvents(pool, [event]);
  await saveDeadLetter(pool, dead, { class: 'data', sqlState: '22003', message: 'out of range' }, 1);
  const accept = async (...ids: string[]) => {
    await pool.query('INSERT INTO acceptances (id, accepted_at, ids) VALUES ($1, now(), $2)', [randomUUID(), ids]);
  };
  const appliedIds = kills.map(({ command }) => command.id);
  await accept(...appliedIds);
  await accept(rejected.command.id, dead.command.id, event.command.id);
  return { pool, heroIds, enemyIds, appliedIds, accept };
}

function killEvent(): Accepted<RecordKillEvent> {
  const player = (id: string) => ({ id, name: id, guild: null, alliance: null });
  const [killer, victim] = [player('Kay'), player('Vee')];
  const occurredAt = '2026-11-20T12:00:00Z';
  const facts = { server: 'europe' as const, eventId: 1, occurredAt, fame: 50, killer, victim, event: {} };
  const command: RecordKillEvent = { type: 'RecordKillEvent', id: randomUUID(), ...facts };
  return { command, payloadHash: command.id, acceptedAt: occurredAt };
}

const CLEAN: AuditReport = {
  accepted: 6,
  applied: 4,
  duplicates: 0,
  rejected: 1,
  dead: 1,
  inFlight: 0,
  lost: [],
  double: [],
  experienceMismatches: [],
  playerMismatches: [],
  ok: true,
};

describe('the audit', () => {
  test('finds nothing where everything adds up', async (t) => {
    const { pool } = await openBooks(t);
    assert.deepEqual(await audit(pool, nothingQueued), CLEAN);
  });

  test('finds nothing in an empty database', async (t) => {
    const database = await openTestDatabase();
    t.after(() => database.close());
    const report = await audit(database.pool, nothingQueued);
    assert.deepEqual(report, { ...CLEAN, accepted: 0, applied: 0, rejected: 0, dead: 0 });
  });

  test('counts what was accepted twice as a duplicate', async (t) => {
    const { pool, accept, appliedIds } = await openBooks(t);
    await accept(...appliedIds.slice(0, 2));
    assert.deepEqual(await audit(pool, nothingQueued), { ...CLEAN, duplicates: 2 });
  });

  test('names the accepted ids that have no outcome and are not in the queue', async (t) => {
    const { pool, accept } = await openBooks(t);
    const [lost, queued] = [randomUUID(), randomUUID()];
    // The nil UUID is an id like any other.
    const nil = '00000000-0000-0000-0000-000000000000';
    await accept(lost, queued, nil);
    const report = await audit(pool, async (ids) => new Set(ids.filter((id) => id === queued)));
    assert.deepEqual(report, { ...CLEAN, accepted: 9, inFlight: 1, lost: [nil, lost], ok: false });
  });

  test('names each lost id among thousands', async (t) => {
    const { pool, accept } = await openBooks(t);
    const ids = Array.from({ length: 2500 }, () => randomUUID());
    await accept(...ids);
    const queued = new Set<string>(ids.slice(3));
    const asked: number[] = [];
    const report = await audit(pool, async (page) => {
      asked.push(page.length);
      return new Set(page.filter((id) => queued.has(id)));
    });
    assert.deepEqual(report.lost, ids.slice(0, 3).toSorted());
    assert.deepEqual([report.inFlight, asked], [2497, [1000, 1000, 500]]);
  });

  test('does not call lost what is applied while it looks', async (t) => {
    const { pool, accept, heroIds, enemyIds } = await openBooks(t);
    const kill = killOf(heroIds[0] ?? '', enemyIds[3] ?? '');
    await accept(kill.command.id);
    const report = await audit(pool, async () => {
      await applyKills(pool, [kill], 1);
      return new Set();
    });
    assert.deepEqual([report.lost, report.ok], [[], true]);
  });

  test('counts a dead letter that was applied after all as applied only', async (t) => {
    const { pool, accept, heroIds, enemyIds } = await openBooks(t);
    const kill = killOf(heroIds[0] ?? '', enemyIds[3] ?? '');
    await accept(kill.command.id);
    await saveDeadLetter(pool, kill, { class: 'bug', message: 'oops' }, 1);
    await applyKills(pool, [kill], 1);
    assert.deepEqual(await audit(pool, nothingQueued), { ...CLEAN, accepted: 7, applied: 5 });
  });

  test('names a hero whose experience was changed by hand', async (t) => {
    const { pool, heroIds } = await openBooks(t);
    const [heroId = ''] = heroIds;
    await pool.query('UPDATE heroes SET experience = experience + 1 WHERE id = $1', [heroId]);
    const experienceMismatches = [{ heroId, expected: 500, found: 501 }];
    assert.deepEqual(await audit(pool, nothingQueued), { ...CLEAN, experienceMismatches, ok: false });
  });

  test('names a hero whose number of kills was changed by hand', async (t) => {
    const { pool, heroIds } = await openBooks(t);
    const [, heroId = ''] = heroIds;
    await pool.query('UPDATE heroes SET enemies_killed_amount = 2 WHERE id = $1', [heroId]);
    const report = await audit(pool, nothingQueued);
    assert.deepEqual(report.experienceMismatches, [{ heroId, expected: 250, found: 250 }]);
    assert.equal(report.ok, false);
  });

  test('names a player whose fame was changed by hand, and one whose row is gone', async (t) => {
    const { pool } = await openBooks(t);
    await pool.query("UPDATE players SET kill_fame = kill_fame + 1 WHERE id = 'Kay'");
    await pool.query("DELETE FROM players WHERE id = 'Vee'");
    const report = await audit(pool, nothingQueued);
    const byId = report.playerMismatches.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(byId, [
      { server: 'europe', id: 'Kay' },
      { server: 'europe', id: 'Vee' },
    ]);
    assert.deepEqual([report.double, report.experienceMismatches, report.ok], [[], [], false]);
  });

  test('names a kill that is there twice, and an enemy that died twice', async (t) => {
    const { pool, heroIds, appliedIds } = await openBooks(t);
    const [first = '', second = ''] = appliedIds;
    await pool.query('ALTER TABLE kills DROP CONSTRAINT kills_pkey; DROP INDEX kills_enemy_id_key');
    await pool.query('INSERT INTO kills SELECT * FROM kills WHERE id = $1', [first]);
    const other = 'ffffffff-ffff-4fff-bfff-ffffffffffff';
    await pool.query(
      `INSERT INTO kills (id, hero_id, enemy_id, enemy_type, experience_gained, level_before, level_after, accepted_at,
                          payload_hash, attempts)
       SELECT $2, hero_id, enemy_id, enemy_type, experience_gained, level_before, level_after, accepted_at, '', 1
       FROM kills WHERE id = $1`,
      [second, other],
    );
    const report = await audit(pool, nothingQueued);
    assert.deepEqual(report.double, [first, second].toSorted());
    assert.deepEqual(report.experienceMismatches, [{ heroId: heroIds[0], expected: 1000, found: 500 }]);
    assert.equal(report.ok, false);
  });

  test('names a kill that is both applied and rejected', async (t) => {
    const { pool, appliedIds } = await openBooks(t);
    const [id = ''] = appliedIds;
    await pool.query(
      `INSERT INTO kill_rejections (id, hero_id, enemy_id, accepted_at, payload_hash, attempts, code, detail)
       VALUES ($1, $1, $1, now(), '', 1, 'hero_not_found', '')`,
      [id],
    );
    assert.deepEqual(await audit(pool, nothingQueued), { ...CLEAN, rejected: 2, double: [id], ok: false });
  });

  test('names an event that is there twice', async (t) => {
    const { pool } = await openBooks(t);
    await pool.query('ALTER TABLE killboard_events DROP CONSTRAINT killboard_events_pkey');
    await pool.query('DROP INDEX killboard_events_server_event_id_key');
    const { rows } = await pool.query('INSERT INTO killboard_events SELECT * FROM killboard_events RETURNING id');
    assert.deepEqual((await audit(pool, nothingQueued)).double, [rows[0].id]);
  });
});
