import type { Accepted } from '@killfeed/domain';
import type { Pool } from 'pg';
import type { ClassifiedError } from './errors.js';

/**
 * Puts away a command that the database will not take, with the reason. A command that fails again after it was
 * replayed keeps its first failure's time.
 *
 * @param attempts how often it was tried this time
 */
export async function saveDeadLetter(
  pool: Pool,
  accepted: Accepted,
  error: ClassifiedError,
  attempts: number,
): Promise<void> {
  // PostgreSQL's text has no NUL, and a message may quote the very value that was refused for one.
  const message = error.message.replaceAll('\0', '');
  await pool.query(
    `INSERT INTO dead_letters (id, command, class, sql_state, message, attempts) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (id) DO UPDATE SET class = excluded.class, sql_state = excluded.sql_state, message = excluded.message,
       attempts = dead_letters.attempts + excluded.attempts, last_failed_at = now()`,
    [accepted.command.id, JSON.stringify(accepted), error.class, error.sqlState ?? null, message, attempts],
  );
}
