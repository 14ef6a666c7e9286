import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Pool, PoolClient } from 'pg';
import { classifyError } from './errors.js';
import { openTestDatabase, type TestDatabase } from './testing.js';
import { inTransaction } from './transaction.js';

let database: TestDatabase;

before(async () => {
  database = await openTestDatabase();
});
after(() => database.close());

test('bounds what a process that freezes in mid-transaction can hold, and nothing beyond the transaction', async () => {
  const inside = await inTransaction(database.pool, readTimeouts);
  assert.deepEqual(inside, { lock: '5s', statement: '20s', idle: '10s' });
  assert.deepEqual(await readTimeouts(database.pool), { lock: '0', statement: '0', idle: '0' });
});

test('says that the work was rolled back where COMMIT was answered with ROLLBACK', async () => {
  const failing = inTransaction(database.pool, async (client) => {
    await client.query('SELECT 1 / 0').catch(() => 'swallowed, as work should not');
  });
  await assert.rejects(failing, (error) => classifyError(error).class === 'rolled_back');
});

test('takes a connection that cannot be had for work that never ran, whatever the error says', async () => {
  const pool = { connect: () => Promise.reject(new Error('something nobody has heard of')) } as unknown as Pool;
  const failing = inTransaction(pool, async () => 'never');
  await assert.rejects(failing, (error) => classifyError(error).class === 'never_ran');
});

async function readTimeouts(client: Pool | PoolClient) {
  const { rows } = await client.query<{ lock: string; statement: string; idle: string }>(
    `SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
            current_setting('idle_in_transaction_session_timeout') AS idle`,
  );
  return rows[0];
}
