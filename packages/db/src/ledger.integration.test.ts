import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import type { Pool } from 'pg';
import { createDatabase } from './database.js';
import { createLedger } from './ledger.js';
import { openTestDatabase } from './testing.js';

const database = await openTestDatabase();
const { pool } = database;
after(() => database.close());

const ACCEPTED_AT = '2026-11-21T10:00:00.123Z';

async function findEntries(ids: readonly string[]) {
  const { rows } = await pool.query('SELECT batch_id, accepted_at, ids FROM acceptances WHERE ids && $1 ORDER BY id', [
    ids,
  ]);
  return rows;
}

describe('the ledger', () => {
  test('keeps when and in which request each id was accepted', async () => {
    const ledger = createLedger(pool);
    const [first, second, third, batchId] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    ledger.append({ ids: [first], acceptedAt: ACCEPTED_AT });
    await ledger.append({ ids: [second, third], acceptedAt: ACCEPTED_AT, batchId });
    const accepted_at = new Date(ACCEPTED_AT);
    assert.deepEqual(await findEntries([first, second]), [
      { batch_id: null, accepted_at, ids: [first] },
      { batch_id: batchId, accepted_at, ids: [second, third] },
    ]);
    await ledger.close(1000);
  });

  test('stores once and in order what came while the database was away', async () => {
    const nobody = createDatabase({ url: 'postgresql://nobody@127.0.0.1:1/nothing' });
    let current: Pool = nobody.pool;
    const changing = { query: (...args: Parameters<Pool['query']>) => current.query(...args) } as Pool;
    const states: string[] = [];
    let report = () => {};
    const failing = new Promise<void>((resolve) => {
      report = resolve;
    });
    const ledger = createLedger(changing, {
      retryDelayMs: 1,
      onStateChange(state) {
        states.push(state);
        report();
      },
    });
    const ids = Array.from({ length: 50 }, () => randomUUID());
    for (const id of ids) ledger.append({ ids: [id], acceptedAt: ACCEPTED_AT });
    await failing;
    assert.equal(ledger.pendingIds, 50);
    current = pool;
    await ledger.whenStored();
    assert.deepEqual(
      (await findEntries(ids)).flatMap((row) => row.ids),
      ids,
    );
    assert.deepEqual(states, ['failing', 'working']);
    await ledger.close(1000);
    await nobody.close();
  });

  test('writes an entry once although the answer to its first write was lost', async () => {
    let isLost = false;
    const lossy = {
      async query(...args: Parameters<Pool['query']>) {
        await pool.query(...args);
        if (isLost) return;
        isLost = true;
        throw new Error('Connection terminated unexpectedly');
      },
    } as unknown as Pool;
    const ledger = createLedger(lossy, { retryDelayMs: 1 });
    const id = randomUUID();
    await ledger.append({ ids: [id], acceptedAt: ACCEPTED_AT });
    assert.equal((await findEntries([id])).length, 1);
    await ledger.close(1000);
  });
});
