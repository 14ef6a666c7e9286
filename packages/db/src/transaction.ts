import type { Pool, PoolClient } from 'pg';

/** How long a statement of a unit of work may wait for a row lock, and how long it may run, in ms. */
const BEGIN = "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '20s'";

/**
 * Runs one unit of work on one connection: everything it wrote is committed, or nothing is.
 *
 * @throws what the work or COMMIT threw. After an error of class `unknown` the work may have been committed.
 */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(BEGIN);
    const result = await work(client);
    const commit = await client.query('COMMIT');
    // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK, as if nothing was wrong.
    if (commit.command !== 'COMMIT') throw new Error('the transaction was rolled back at COMMIT');
    return result;
  } catch (error) {
    broken = await rollBack(client);
    throw error;
  } finally {
    client.release(broken);
  }
}

// A connection that cannot even roll back is in an unknown state: it must not go back into the pool.
async function rollBack(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
