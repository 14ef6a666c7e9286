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

/** A connection could not be had, for a reason that says nothing of itself. */
export class ConnectFailed extends Error {
  override readonly name = 'ConnectFailed';
  readonly code = 'CONNECT_FAILED';

  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** Message of the error for a COMMIT that PostgreSQL answered with ROLLBACK. */
export const ROLLED_BACK_AT_COMMIT = 'the transaction was rolled back at COMMIT';

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
 * Classifies whatever pg, pg-pool or Prisma 7 throws. SQLSTATE decides first, then the adapter's kind, then Prisma's
 * code or errno, then the text of the errors that carry none of them.
 */
export function classifyError(error: unknown): ClassifiedError {
  const cause = findDriverCause(error);
  const message = findMessage(error, cause);
  const sqlState = findSqlState(error, cause);
  if (sqlState !== undefined) return { class: classOfSqlState(sqlState, message), sqlState, message };
  const labels = [propertyOf(cause, 'kind'), propertyOf(error, 'code')];
  const byLabel = labels.map((label) => CLASS_BY_LABEL[String(label)]).find((found) => found !== undefined);
  return { class: byLabel ?? classOfSystemError(error) ?? classOfText(message) ?? 'bug', message };
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
  '54': 'data', // larger than the server can hold: the value, or the batch, which halving makes smaller
  '55P03': 'rolled_back',
  '57014': 'rolled_back',
  '57P01': 'unknown',
  '57P02': 'unknown',
  '57P03': 'never_ran',
  '57P05': 'unknown',
  '58': 'rolled_back',
};

// Kinds of Prisma's adapter, codes of Prisma, errno.
const CLASS_BY_LABEL: Record<string, OutcomeClass> = {
  CONNECT_FAILED: 'never_ran',
  DatabaseNotReachable: 'never_ran',
  TooManyConnections: 'never_ran',
  TransactionWriteConflict: 'rolled_back',
  ConnectionClosed: 'unknown',
  SocketTimeout: 'unknown',
  TlsConnectionError: 'fatal',
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
  P2034: 'rolled_back',
  P2037: 'never_ran',
  P2002: 'data',
  P2003: 'data',
  P1000: 'fatal',
  P1003: 'fatal',
  P1010: 'fatal',
  P1011: 'fatal',
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
  ['Client was closed and is not queryable', 'unknown'],
  ['Received unexpected', 'unknown'],
  [ROLLED_BACK_AT_COMMIT, 'rolled_back'],
  // P2028 says both, and only its text tells which.
  ['Transaction API error: Unable to start a transaction', 'never_ran'],
  ['Transaction API error', 'rolled_back'],
  ['SASL', 'fatal'],
  ['The server does not support SSL connections', 'fatal'],
  ['There was an error establishing an SSL connection', 'fatal'],
];

function classOfText(message: string): OutcomeClass | undefined {
  return CLASS_BY_TEXT.find(([text]) => message.startsWith(text))?.[1];
}

// What the operating system refuses while connecting has not run, whichever errno it is.
function classOfSystemError(error: unknown): OutcomeClass | undefined {
  if (error instanceof AggregateError) return 'never_ran';
  const code = String(propertyOf(error, 'code'));
  // The server's certificate: it expired, or nobody signed it.
  if (/^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/.test(code)) return 'fatal';
  if (code.startsWith('ERR_STREAM_')) return 'unknown';
  const syscall = propertyOf(error, 'syscall');
  if (typeof syscall !== 'string') return undefined;
  return /^(connect|getaddrinfo)$/.test(syscall) ? 'never_ran' : 'unknown';
}

// Prisma: meta.driverAdapterError.cause, or cause where COMMIT itself failed.
function findDriverCause(error: unknown): unknown {
  return propertyOf(propertyOf(propertyOf(error, 'meta'), 'driverAdapterError') ?? error, 'cause');
}

function findSqlState(error: unknown, cause: unknown): string | undefined {
  const ofServer = propertyOf(error, 'severity') === undefined ? undefined : propertyOf(error, 'code');
  const code = propertyOf(cause, 'originalCode') ?? ofServer;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function findMessage(error: unknown, cause: unknown): string {
  const original = propertyOf(cause, 'originalMessage');
  if (typeof original === 'string') return firstLine(original);
  if (!(error instanceof Error)) return firstLine(String(error));
  // Prisma begins with the call and its place in the source; the reason stands last.
  if (/^\s*Invalid `/.test(error.message)) return firstLine(error.message.trim().split('\n').at(-1) ?? '');
  if (error.message !== '') return firstLine(error.message);
  const parts: unknown = propertyOf(error, 'errors');
  const reasons = Array.isArray(parts) ? parts.map((part) => findMessage(part, undefined)) : [];
  return reasons.join(', ') || String(propertyOf(error, 'code') ?? error.name);
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
