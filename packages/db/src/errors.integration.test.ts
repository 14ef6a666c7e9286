/** The errors that PostgreSQL really raises, as pg and Prisma hand them on. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import type { Pool } from 'pg';
import { createDatabase, type Database } from './database.js';
import { type ClassifiedError, classifyError } from './errors.js';
import type { DatabaseOptions } from './pool/pool-config.js';
import { openTestDatabase } from './testing.js';

const database = await openTestDatabase();
const { pool, prisma } = database;
after(() => database.close());

async function classOf(work: Promise<unknown>): Promise<[ClassifiedError['class'], string | undefined]> {
  const error = await work.then(
    () => assert.fail('it passed'),
    (reason: unknown) => reason,
  );
  const classified = classifyError(error);
  assert.notEqual(classified.message, '');
  return [classified.class, classified.sqlState];
}

/** A second way to the server, which differs in this. */
async function withDatabase(
  change: (url: URL) => void,
  use: (other: Database) => Promise<void>,
  options: Partial<DatabaseOptions> = {},
): Promise<void> {
  const url = new URL(database.url);
  change(url);
  const other = createDatabase({ url: url.href, ...options });
  try {
    await use(other);
  } finally {
    await other.close();
  }
}

const INSERT = 'INSERT INTO heroes (id, name) VALUES ($1, $2)';
const TERMINATE = 'SELECT pg_terminate_backend(pg_backend_pid())';

/** Two transactions that both run their first half before either runs its second. */
async function interleave(run: (side: 0 | 1, meet: () => Promise<void>) => Promise<unknown>): Promise<unknown> {
  let arrived = 0;
  let open = () => {};
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  const meet = () => {
    arrived += 1;
    if (arrived === 2) open();
    return both;
  };
  const results = await Promise.allSettled([run(0, meet), run(1, meet)]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return undefined;
}

async function inTransactionOf(rival: Pool, begin: string, work: (query: Pool['query']) => Promise<unknown>) {
  const client = await rival.connect();
  try {
    await client.query(begin);
    await work(client.query.bind(client) as Pool['query']);
    await client.query('COMMIT');
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

async function addHeroes(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await pool.query("INSERT INTO heroes (id, name) SELECT id, 'hero' FROM unnest($1::uuid[]) AS id", [ids]);
  return ids;
}

const GROW = 'UPDATE heroes SET level = level + 1 WHERE id = $1';

describe('through pg', () => {
  test('a unique violation', async () => {
    const [id] = await addHeroes(1);
    assert.deepEqual(await classOf(pool.query(INSERT, [id, 'again'])), ['data', '23505']);
  });

  test('a deadlock', async () => {
    const ids = await addHeroes(2);
    const clash = interleave((side, meet) =>
      inTransactionOf(pool, "BEGIN; SET LOCAL deadlock_timeout = '10ms'", async (query) => {
        await query(GROW, [ids[side]]);
        await meet();
        await query(GROW, [ids[1 - side]]);
      }),
    );
    assert.deepEqual(await classOf(clash), ['rolled_back', '40P01']);
  });

  test('a serialization failure, at an update and at COMMIT', async () => {
    const ids = await addHeroes(2);
    for (const target of [() => ids[0], (side: 0 | 1) => ids[side]]) {
      const clash = interleave((side, meet) =>
        inTransactionOf(pool, 'BEGIN ISOLATION LEVEL SERIALIZABLE', async (query) => {
          await query('SELECT level FROM heroes WHERE id = ANY($1)', [ids]);
          await meet();
          await query(GROW, [target(side)]);
        }),
      );
      assert.deepEqual(await classOf(clash), ['rolled_back', '40001']);
    }
  });

  test('a statement timeout', async () => {
    const slow = inTransactionOf(pool, "BEGIN; SET LOCAL statement_timeout = '10ms'", (query) =>
      query('SELECT pg_sleep(5)'),
    );
    assert.deepEqual(await classOf(slow), ['rolled_back', '57014']);
  });

  test('a backend that was terminated', async () => {
    assert.deepEqual(await classOf(pool.query(TERMINATE)), ['unknown', '57P01']);
  });

  test('a missing table', async () => {
    assert.deepEqual(await classOf(pool.query('SELECT FROM nothing')), ['fatal', '42P01']);
  });

  test('a value that is too large for an index', async () => {
    const noise = Array.from({ length: 400 }, () => randomUUID()).join('');
    const sql = `INSERT INTO players (server, id, name, first_seen, last_seen) VALUES ('asia', $1, 'x', now(), now())`;
    assert.deepEqual(await classOf(pool.query(sql, [noise])), ['data', '54000']);
  });

  test('a port where nobody listens', async () => {
    await withDatabase(
      (url) => {
        url.port = '1';
      },
      async (other) => assert.deepEqual(await classOf(other.pool.query('SELECT 1')), ['never_ran', undefined]),
    );
  });

  test('a wrong password', async () => {
    await withDatabase(
      (url) => {
        url.password = 'wrong';
      },
      async (other) => assert.deepEqual(await classOf(other.pool.query('SELECT 1')), ['fatal', '28P01']),
    );
  });

  test('a pool with no connection left', async () => {
    await withDatabase(
      () => {},
      async (other) => {
        const holder = await other.pool.connect();
        assert.deepEqual(await classOf(other.pool.query('SELECT 1')), ['never_ran', undefined]);
        holder.release();
      },
      { poolMax: 1, acquireTimeoutMs: 500 },
    );
  });

  test('an answer that takes too long', async () => {
    await withDatabase(
      () => {},
      async (other) =>
        assert.deepEqual(await classOf(other.pool.query('SELECT pg_sleep(0.5)')), ['unknown', undefined]),
      { queryTimeoutMs: 20 },
    );
  });
});

describe('through Prisma', () => {
  test('a unique violation, of a model and of raw SQL', async () => {
    const [id = ''] = await addHeroes(1);
    const again = prisma.hero.create({ data: { id, name: 'again' } });
    assert.deepEqual(await classOf(again), ['data', '23505']);
    const raw = prisma.$executeRawUnsafe(`INSERT INTO heroes (id, name) VALUES ('${id}', 'again')`);
    assert.deepEqual(await classOf(raw), ['data', '23505']);
  });

  test('a deadlock and a serialization failure', async () => {
    const [first = '', second = ''] = await addHeroes(2);
    const grow = (id: string) => ({ where: { id }, data: { level: { increment: 1 } } });
    const deadlock = interleave((side, meet) =>
      prisma.$transaction(async (tx) => {
        await tx.$executeRawUnsafe("SET LOCAL deadlock_timeout = '10ms'");
        await tx.hero.update(grow(side === 0 ? first : second));
        await meet();
        await tx.hero.update(grow(side === 0 ? second : first));
      }),
    );
    assert.deepEqual(await classOf(deadlock), ['rolled_back', '40P01']);
    const atCommit = interleave((side, meet) =>
      prisma.$transaction(
        async (tx) => {
          await tx.hero.findMany({ where: { id: { in: [first, second] } } });
          await tx.hero.update(grow(side === 0 ? first : second));
          await meet();
        },
        { isolationLevel: 'Serializable' },
      ),
    );
    assert.deepEqual(await classOf(atCommit), ['rolled_back', '40001']);
  });

  test('a backend that was terminated', async () => {
    assert.deepEqual(await classOf(prisma.$executeRawUnsafe(TERMINATE)), ['unknown', '57P01']);
  });

  test('a transaction that took too long, and one that could not start', async () => {
    const slow = prisma.$transaction((tx) => tx.$executeRawUnsafe('SELECT pg_sleep(0.1)').then(() => tx.hero.count()), {
      timeout: 20,
    });
    assert.deepEqual(await classOf(slow), ['rolled_back', undefined]);
    await withDatabase(
      () => {},
      async (other) => {
        const holder = await other.pool.connect();
        const waiting = other.prisma.$transaction((tx) => tx.hero.count(), { maxWait: 20 });
        assert.deepEqual(await classOf(waiting), ['never_ran', undefined]);
        holder.release();
      },
      { poolMax: 1 },
    );
  });

  test('a port where nobody listens, a wrong password, a missing database', async () => {
    for (const [change, expected] of [
      [(url: URL) => Object.assign(url, { port: '1' }), ['never_ran', undefined]],
      [(url: URL) => Object.assign(url, { hostname: 'localhost', port: '1' }), ['never_ran', undefined]],
      [(url: URL) => Object.assign(url, { password: 'wrong' }), ['fatal', '28P01']],
      [(url: URL) => Object.assign(url, { pathname: '/nothing' }), ['fatal', '3D000']],
    ] as const) {
      await withDatabase(change, async (other) => {
        assert.deepEqual(await classOf(other.prisma.hero.count()), expected);
        assert.deepEqual(await classOf(other.prisma.$transaction((tx) => tx.hero.count())), expected);
      });
    }
  });
});
