import type { Pool, PoolClient } from 'pg';
import { ConnectFailed, classifyError, ROLLED_BACK_AT_COMMIT } from './errors.js';

/**
 * How long a statement may wait for a row lock, how long it may run, and how long the server keeps the locks of a
 * transaction whose process is frozen or gone without a word. Without the last, its rows stay locked until TCP gives up,
 * which takes hours.
 */
const BEGIN = [
  'BEGIN',
  "SET LOCAL lock_timeout = '5s'",
  "SET LOCAL statement_timeout = '20s'",
  "SET LOCAL idle_in_transaction_session_timeout = '10s'",
].join('; ');

/**
 * Runs one unit of work on one connection: everything it wrote is committed, or nothing is.
 *
 * @throws what the work or COMMIT threw. After an error of class `unknown` the work may have been committed.
 */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch(neverRan);
  let broken: Error | undefined;
  // A connection that is lost tells so by an event too, which ends the process if nobody listens: the pool does not
  // while the client is out.
  const onLost = (error: Error) => {
    broken = error;
  };
  client.on('error', onLost);
  try {
    await client.query(BEGIN);
    const result = await work(client);
    const commit = await client.query('COMMIT');
    // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK, as if nothing was wrong.
    if (commit.command !== 'COMMIT') throw new Error(ROLLED_BACK_AT_COMMIT);
    return result;
  } catch (error) {
    broken ??= isOfConnection(error) ? toError(error) : await rollBack(client);
    throw error;
  } finally {
    client.off('error', onLost);
    client.release(broken);
  }
}

// What cannot be connected has nothing to do with the work, whatever the error looks like.
function neverRan(error: unknown): never {
  if (classifyError(error).class !== 'bug') throw error;
  throw new ConnectFailed(toError(error));
}

// After these the next try needs another connection: this one is lost, still busy, or leads to a server that has become
// read-only or has other tables than it had.
function isOfConnection(error: unknown): boolean {
  const { class: outcome, sqlState } = classifyError(error);
  return outcome === 'unknown' || outcome === 'never_ran' || outcome === 'fatal' || sqlState === '25006';
}

// A connection that cannot even roll back is in an unknown state: it must not go back into the pool.
async function rollBack(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return toError(error);
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
