/**
 * Tells from a database error whether the work behind it ran. Every layer that decides anything about a failure
 * (the committer, health, problem responses, dead letters) reads the class from here and nothing else.
 */

/**
 * - `never_ran`: the work did not start (no connection, server starting up). Always safe to repeat.
 * - `rolled_back`: it ran and was undone (deadlock, serialization failure, lock timeout). Safe to repeat as a whole.
 * - `unknown`: the connection went away; a COMMIT in flight may or may not have taken effect. Repeat only idempotent work.
 * - `data`: the server refused these values (SQLSTATE 22, 23). The same values will be refused again.
 * - `fatal`: the server refused the statement or the login (a missing table, a wrong password). Needs a person.
 * - `bug`: not a database error at all.
 */
export type OutcomeClass = 'never_ran' | 'rolled_back' | 'unknown' | 'data' | 'fatal' | 'bug';

export interface ClassifiedError {
  readonly class: OutcomeClass;
  /** PostgreSQL's SQLSTATE, where the error carries one. */
  readonly sqlState?: string;
  /** One line, without values of rows. */
  readonly message: string;
}

/** True where repeating the whole unit of work may succeed and, if the work is idempotent, cannot do it twice. */
export function isTransient(error: ClassifiedError): boolean {
  return error.class === 'never_ran' || error.class === 'rolled_back' || error.class === 'unknown';
}

/**
 * Classifies whatever pg, pg-pool or Prisma 7 throws. SQLSTATE decides first, then Prisma's code, then errno, then
 * the text of the errors that carry none of them.
 */
export function classifyError(error: unknown): ClassifiedError {
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  const sqlState = findSqlState(error);
  if (sqlState !== undefined) return { class: classOfSqlState(sqlState, message), sqlState, message };
  const code = propertyOf(error, 'code');
  const byCode = typeof code === 'string' ? CLASS_BY_CODE[code] : undefined;
  if (byCode !== undefined) return { class: byCode, message };
  if (error instanceof AggregateError) return { class: 'never_ran', message: message || 'could not connect' };
  const byText = CLASS_BY_TEXT.find(([text]) => message.includes(text));
  return { class: byText?.[1] ?? 'bug', message };
}

function classOfSqlState(sqlState: string, message: string): OutcomeClass {
  const byState = CLASS_BY_SQLSTATE[sqlState];
  if (byState !== undefined) return byState;
  // PgBouncer speaks for itself with 08P01; only "try later" is worth repeating.
  if (sqlState === '08P01')
    return /max_client_conn|query_wait_timeout|server login/.test(message) ? 'never_ran' : 'fatal';
  return CLASS_BY_SQLSTATE[sqlState.slice(0, 2)] ?? 'fatal';
}

// https://www.postgresql.org/docs/18/errcodes-appendix.html
const CLASS_BY_SQLSTATE: Record<string, OutcomeClass> = {
  '08': 'unknown',
  '08001': 'never_ran',
  '08004': 'never_ran',
  '22': 'data',
  '23': 'data',
  '25006': 'rolled_back', // the server became read-only: a failover; the next connection finds the new primary
  '25P02': 'rolled_back',
  '25P03': 'rolled_back',
  '40': 'rolled_back',
  '40003': 'unknown',
  '53': 'rolled_back', // out of memory, disk full: passes when somebody makes room
  '53300': 'never_ran',
  '55P03': 'rolled_back',
  '57014': 'rolled_back',
  '57P01': 'unknown',
  '57P02': 'unknown',
  '57P03': 'never_ran',
  '57P05': 'unknown',
  '58': 'rolled_back',
};

const CLASS_BY_CODE: Record<string, OutcomeClass> = {
  EAI_AGAIN: 'never_ran',
  ECONNREFUSED: 'never_ran',
  EHOSTUNREACH: 'never_ran',
  ENETUNREACH: 'never_ran',
  ENOTFOUND: 'never_ran',
  ECONNRESET: 'unknown',
  EPIPE: 'unknown',
  ETIMEDOUT: 'unknown',
  P1001: 'never_ran',
  P1002: 'never_ran',
  P1008: 'unknown',
  P1017: 'unknown',
  P2028: 'rolled_back',
  P2034: 'rolled_back',
  P2037: 'never_ran',
  P2002: 'data',
  P2003: 'data',
  P1000: 'fatal',
  P1003: 'fatal',
  P1010: 'fatal',
};

// pg-pool, pg and Prisma throw these as plain errors without a code.
const CLASS_BY_TEXT: [string, OutcomeClass][] = [
  ['timeout exceeded when trying to connect', 'never_ran'],
  ['Connection terminated due to connection timeout', 'never_ran'],
  ['timeout expired', 'never_ran'],
  ['Cannot use a pool after calling end', 'never_ran'],
  ['Connection terminated', 'unknown'],
  ['Client has encountered a connection error', 'unknown'],
  ['Query read timeout', 'unknown'],
];

// pg: error.code. Prisma: meta.driverAdapterError.cause.originalCode, or cause.originalCode where COMMIT itself failed.
function findSqlState(error: unknown): string | undefined {
  const adapterError = propertyOf(propertyOf(error, 'meta'), 'driverAdapterError') ?? error;
  const original = propertyOf(propertyOf(adapterError, 'cause'), 'originalCode');
  const code = original ?? (propertyOf(error, 'severity') === undefined ? undefined : propertyOf(error, 'code'));
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
