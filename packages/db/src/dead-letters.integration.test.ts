import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { killOf } from './combat/combat.test-support.js';
import { saveDeadLetter } from './dead-letters.js';
import type { ClassifiedError } from './errors.js';
import { openTestDatabase } from './testing.js';

const database = await openTestDatabase();
const { pool } = database;
after(() => database.close());

const OVERFLOW: ClassifiedError = { class: 'data', sqlState: '22003', message: 'integer out of range' };
const BUG: ClassifiedError = { class: 'bug', message: 'undefined is not a function' };

async function find(id: string) {
  const { rows } = await pool.query('SELECT * FROM dead_letters WHERE id = $1', [id]);
  return rows[0];
}

describe('a dead letter', () => {
  test('keeps the whole command and why it died', async () => {
    const kill = { ...killOf(randomUUID(), randomUUID(), { enemyType: 'ORC' }), batchId: randomUUID() };
    await saveDeadLetter(pool, kill, OVERFLOW, 3);
    const { command, first_failed_at, last_failed_at, ...row } = await find(kill.command.id);
    assert.deepEqual(command, kill);
    assert.deepEqual(row, {
      id: kill.command.id,
      class: 'data',
      sql_state: '22003',
      message: 'integer out of range',
      attempts: 3,
    });
    assert.deepEqual(first_failed_at, last_failed_at);
  });

  test('that fails again keeps its first failure, takes the new reason and adds the attempts', async () => {
    const kill = killOf(randomUUID(), randomUUID());
    await saveDeadLetter(pool, kill, OVERFLOW, 3);
    await pool.query("UPDATE dead_letters SET first_failed_at = '2026-01-01T00:00:00Z' WHERE id = $1", [
      kill.command.id,
    ]);
    await saveDeadLetter(pool, kill, BUG, 4);
    const row = await find(kill.command.id);
    assert.deepEqual([row.class, row.sql_state, row.message, row.attempts], ['bug', null, BUG.message, 7]);
    assert.equal(row.first_failed_at.toISOString(), '2026-01-01T00:00:00.000Z');
    assert.ok(row.last_failed_at > row.first_failed_at);
  });

  test('holds what PostgreSQL itself could not: a NUL in the command and in the message', async () => {
    const kill = killOf(randomUUID(), randomUUID(), { occurredAt: 'a\0b' });
    await saveDeadLetter(pool, kill, { class: 'bug', message: 'not an instant: a\0b' }, 1);
    const row = await find(kill.command.id);
    assert.equal(row.command.command.occurredAt, 'a\0b');
    assert.equal(row.message, 'not an instant: ab');
  });
});
