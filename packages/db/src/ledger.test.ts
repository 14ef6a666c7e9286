import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Pool } from 'pg';
import { createLedger, type LedgerEntry, type LedgerOptions } from './ledger.js';

type StoredRow = LedgerEntry & { readonly id: string };

/** A database that does what the test says, and remembers what was written. */
function fakePool(write: (rows: StoredRow[]) => Promise<void> = async () => {}) {
  const writes: StoredRow[][] = [];
  const pool = {
    async query(_sql: string, [json]: [string]) {
      const rows: StoredRow[] = JSON.parse(json);
      writes.push(rows);
      await write(rows);
    },
  };
  return { pool: pool as unknown as Pool, writes };
}

const ACCEPTED_AT = '2026-11-21T10:00:00.000Z';
const entryOf = (ids: number): LedgerEntry => ({
  acceptedAt: ACCEPTED_AT,
  ids: Array.from({ length: ids }, () => randomUUID()),
});

const QUICK: LedgerOptions = { retryDelayMs: 1 };
const away = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

describe('the ledger', () => {
  test('writes the first entry at once and gathers the others while it is out', async () => {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { pool, writes } = fakePool(() => held);
    const ledger = createLedger(pool, QUICK);
    const appended = [1, 2, 3].map((ids) => ledger.append(entryOf(ids)));
    assert.deepEqual([writes.length, ledger.pendingIds], [1, 6]);
    letGo();
    await Promise.all(appended);
    assert.deepEqual(
      writes.map((rows) => rows.map(({ ids }) => ids.length)),
      [[1], [2, 3]],
    );
    assert.equal(ledger.pendingIds, 0);
  });

  test('writes at most 20000 ids at a time, and an entry of more than that alone', async () => {
    const { pool, writes } = fakePool();
    const ledger = createLedger(pool, QUICK);
    await Promise.all([1, 12_000, 8000, 1, 25_000, 5].map((ids) => ledger.append(entryOf(ids))));
    assert.deepEqual(
      writes.map((rows) => rows.map(({ ids }) => ids.length)),
      [[1], [12_000, 8000], [1], [25_000], [5]],
    );
  });

  test('tries a failed write again, with the same rows, until it passes', async () => {
    let failures = 3;
    const { pool, writes } = fakePool(async () => {
      if (failures-- > 0) throw away();
    });
    const ledger = createLedger(pool, QUICK);
    await ledger.append(entryOf(2));
    assert.equal(writes.length, 4);
    assert.equal(new Set(writes.map((rows) => JSON.stringify(rows))).size, 1);
  });

  test('tells once that writing fails and once that it works again', async () => {
    let failures = 3;
    const { pool } = fakePool(async () => {
      if (failures-- > 0) throw away();
    });
    const told: string[] = [];
    const ledger = createLedger(pool, { ...QUICK, onStateChange: (state) => told.push(state) });
    await ledger.append(entryOf(1));
    assert.deepEqual(told, ['failing', 'working']);
  });

  test('counts what it lets go when the buffer is full, and keeps what it has', async () => {
    let isAway = true;
    const { pool } = fakePool(async () => {
      if (isAway) throw away();
    });
    const ledger = createLedger(pool, { ...QUICK, pendingIdsMax: 10 });
    const kept = ledger.append(entryOf(7));
    await ledger.append(entryOf(4));
    assert.deepEqual([ledger.pendingIds, ledger.droppedIds], [7, 4]);
    const last = ledger.append(entryOf(3));
    isAway = false;
    await Promise.all([kept, last]);
    assert.deepEqual([ledger.pendingIds, ledger.droppedIds], [0, 4]);
  });

  test('says when everything taken until now is stored', async () => {
    const { pool, writes } = fakePool();
    const ledger = createLedger(pool, QUICK);
    await ledger.whenStored();
    ledger.append(entryOf(1));
    ledger.append(entryOf(2));
    await ledger.whenStored();
    assert.equal(writes.flat().length, 2);
    assert.equal(ledger.pendingIds, 0);
  });

  test('stores what comes in the moment the last write has ended', async () => {
    const { pool, writes } = fakePool();
    const ledger = createLedger(pool, QUICK);
    ledger.append(entryOf(1)).then(() => ledger.append(entryOf(1)));
    await new Promise(setImmediate);
    assert.deepEqual([writes.length, ledger.pendingIds], [2, 0]);
  });
});

describe('closing the ledger', () => {
  test('stores what is pending', async () => {
    const { pool, writes } = fakePool();
    const ledger = createLedger(pool, QUICK);
    for (const ids of [1, 2, 3]) ledger.append(entryOf(ids));
    await ledger.close(60_000);
    assert.deepEqual([writes.flat().length, ledger.pendingIds], [3, 0]);
  });

  test('tries once more, not for ever, when the database is away', async () => {
    const { pool, writes } = fakePool(async () => {
      throw away();
    });
    const ledger = createLedger(pool, { retryDelayMs: 60_000 });
    ledger.append(entryOf(1));
    await new Promise(setImmediate);
    await ledger.close(60_000);
    assert.deepEqual([writes.length, ledger.pendingIds], [2, 1]);
  });

  test('gives up at its deadline when the database does not answer', async () => {
    const { pool } = fakePool(() => new Promise(() => {}));
    const ledger = createLedger(pool, QUICK);
    ledger.append(entryOf(1));
    await ledger.close(20);
    assert.equal(ledger.pendingIds, 1);
  });

  test('is done at once when nothing is pending', async () => {
    const { pool, writes } = fakePool();
    await createLedger(pool, QUICK).close(60_000);
    assert.equal(writes.length, 0);
  });
});
