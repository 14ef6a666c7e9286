import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import type { Pool, PoolClient } from 'pg';
import { classifyError } from '../errors.js';
import { openTestDatabase } from '../testing.js';
import { inTransaction } from '../transaction.js';
import { applyKills } from './apply-kills.js';
import {
  addEnemies,
  addHeroes,
  countSettled,
  killOf,
  listContradictions,
  watchReturns,
} from './combat.test-support.js';

const database = await openTestDatabase();
const { pool } = database;
const dirtyReturns = watchReturns(pool);
after(() => database.close());

/** A pool whose clients do this before the statement that begins so. */
function interfering(statement: string, interfere: (client: PoolClient) => Promise<unknown>): Pool {
  return new Proxy(pool, {
    get(target, key) {
      if (key !== 'connect') return Reflect.get(target, key);
      return async () => {
        const client = await target.connect();
        return new Proxy(client, {
          get(inner, name) {
            const value = Reflect.get(inner, name);
            if (name !== 'query') return typeof value === 'function' ? value.bind(inner) : value;
            return async (text: string, values?: unknown[]) => {
              if (text.trimStart().startsWith(statement)) await interfere(inner);
              return inner.query(text, values);
            };
          },
        });
      };
    },
  });
}

/** Ends the server's side of this very connection. */
async function terminate(client: PoolClient): Promise<void> {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  await pool.query('SELECT pg_terminate_backend($1, 5000)', [rows[0].pid]);
}

async function oneKill(level = 1) {
  const [heroId = ''] = await addHeroes(pool, 1);
  const [enemyId = ''] = await addEnemies(pool, 1, level);
  return killOf(heroId, enemyId);
}

/** Nothing of these is there, and the pool works as before. */
async function assertNothingHappened(...ids: string[]): Promise<void> {
  assert.deepEqual(await countSettled(pool, ids), { kills: 0, rejections: 0 });
  assert.deepEqual(await listContradictions(pool), []);
  const fresh = await oneKill();
  assert.equal((await applyKills(pool, [fresh], 1))[0]?.status, 'applied');
  assert.deepEqual(dirtyReturns, []);
}

async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => assert.fail('it passed'),
    (reason: unknown) => reason,
  );
  return classifyError(error);
}

describe('values that the tables cannot hold', () => {
  test('are an error of class data, and nothing of their batch is applied', async () => {
    const [good, poison] = [await oneKill(), await oneKill(2 ** 31 - 1)];
    const failure = await failureOf(applyKills(pool, [good, poison], 1));
    assert.deepEqual([failure.class, failure.sqlState], ['data', '22003']);
    await assertNothingHappened(good.command.id, poison.command.id);
  });

  test('stored against the rules (an enemy of level 0) are an error of class bug', async () => {
    const kill = await oneKill();
    await pool.query('UPDATE enemies SET level = 0 WHERE id = $1', [kill.command.enemyId]);
    assert.equal((await failureOf(applyKills(pool, [kill], 1))).class, 'bug');
    await assertNothingHappened(kill.command.id);
  });

  test('are refused by the server when a time is none', async () => {
    const kill = await oneKill();
    const broken = { ...kill, command: { ...kill.command, occurredAt: '2026-13-45T00:00:00Z' } };
    assert.deepEqual((await failureOf(applyKills(pool, [broken], 1))).class, 'data');
    await assertNothingHappened(kill.command.id);
  });
});

describe('a connection that is lost', () => {
  // Whether COMMIT has taken effect cannot be known; here it has not, and the batch is applied once when it is repeated.
  for (const statement of ['SELECT id, name, level', 'INSERT INTO kills', 'UPDATE heroes', 'COMMIT']) {
    test(`before ${statement} is an error of class unknown, and the batch can be repeated`, async () => {
      const kill = await oneKill();
      const failure = await failureOf(applyKills(interfering(statement, terminate), [kill], 1));
      assert.equal(failure.class, 'unknown');
      await assertNothingHappened(kill.command.id);
      assert.equal((await applyKills(pool, [kill], 2))[0]?.status, 'applied');
      assert.equal((await applyKills(pool, [kill], 3))[0]?.status, 'duplicate');
    });
  }

  test('after COMMIT, before its answer, makes the repeat a duplicate', async () => {
    const kill = await oneKill();
    const lossy = interfering('COMMIT', async (client) => {
      await client.query('COMMIT');
      await terminate(client);
    });
    assert.equal((await failureOf(applyKills(lossy, [kill], 1))).class, 'unknown');
    assert.equal((await applyKills(pool, [kill], 2))[0]?.status, 'duplicate');
    assert.deepEqual(await listContradictions(pool), []);
  });

  test('while nobody asks it anything does not end the process', async () => {
    const failure = await failureOf(
      inTransaction(pool, async (client) => {
        const ended = new Promise<void>((resolve) => client.once('end', resolve));
        await terminate(client);
        await ended;
        await client.query('SELECT 1');
      }),
    );
    assert.equal(failure.class, 'unknown');
    await assertNothingHappened();
  });
});

describe('a unit of work', () => {
  beforeEach(() => pool.query('SELECT 1'));

  test('rolls back when its work throws, and keeps the connection', async () => {
    const before = pool.totalCount;
    const [heroId = ''] = await addHeroes(pool, 1);
    await assert.rejects(
      inTransaction(pool, async (client) => {
        await client.query('DELETE FROM heroes WHERE id = $1', [heroId]);
        throw new Error('no');
      }),
      /no/,
    );
    const { rowCount } = await pool.query('SELECT FROM heroes WHERE id = $1', [heroId]);
    assert.deepEqual([rowCount, pool.totalCount], [1, before]);
  });

  test('whose work hid an error of the server does not pass for committed', async () => {
    await assert.rejects(
      inTransaction(pool, async (client) => {
        await client.query('SELECT 1/0').catch(() => undefined);
      }),
      /rolled back at COMMIT/,
    );
    await assertNothingHappened();
  });

  test('gives up a connection to a server that has become read-only, so that the next try finds another', async () => {
    const kill = await oneKill();
    const demoted = interfering('BEGIN', (client) => client.query('SET default_transaction_read_only = on'));
    const failure = await failureOf(applyKills(demoted, [kill], 1));
    assert.deepEqual([failure.class, failure.sqlState], ['rolled_back', '25006']);
    await assertNothingHappened(kill.command.id);
    assert.equal((await applyKills(pool, [kill], 2))[0]?.status, 'applied');
  });

  test('does not wait for a row lock without end', async () => {
    const kill = await oneKill();
    const holder = await pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM heroes WHERE id = $1 FOR UPDATE', [kill.command.heroId]);
      const hasty = interfering('SELECT id, name', (client) => client.query("SET LOCAL lock_timeout = '50ms'"));
      assert.equal((await failureOf(applyKills(hasty, [kill], 1))).sqlState, '55P03');
      const limits = await inTransaction(pool, async (client) => [
        (await client.query('SHOW lock_timeout')).rows[0].lock_timeout,
        (await client.query('SHOW statement_timeout')).rows[0].statement_timeout,
      ]);
      assert.deepEqual(limits, ['5s', '20s']);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    await assertNothingHappened(kill.command.id);
  });
});
