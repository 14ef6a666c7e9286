import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { classifyError, isTransient, type OutcomeClass } from './errors.js';

/** As node-postgres throws what the server said. */
function serverError(code: string, message = `server says ${code}`): Error {
  return Object.assign(new Error(message), { name: 'DatabaseError', severity: 'ERROR', code });
}

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code} 10.0.0.1:5432`), { code, syscall, errno: -111 });
}

/** As Prisma's adapter throws it out of COMMIT, and as it is found inside of what the client throws. */
function adapterError(cause: object): Error {
  return Object.assign(new Error('kind'), { name: 'DriverAdapterError', cause });
}

function prismaError(code: string, message: string, cause?: object): Error {
  const meta = cause === undefined ? {} : { modelName: 'Hero', driverAdapterError: adapterError(cause) };
  const text = `\nInvalid \`prisma.hero.create()\` invocation:\n\n\n${message}`;
  return Object.assign(new Error(text), { name: 'PrismaClientKnownRequestError', code, meta });
}

const postgres = (originalCode: string, kind = 'postgres') => ({
  kind,
  originalCode,
  originalMessage: `server says ${originalCode}`,
});

type Row = [what: string, error: unknown, outcome: OutcomeClass, sqlState?: string];

const NEVER_RAN: Row[] = [
  ['pool wait timeout', new Error('timeout exceeded when trying to connect'), 'never_ran'],
  ['connect timeout', new Error('Connection terminated due to connection timeout'), 'never_ran'],
  ['connect timeout of one client', new Error('timeout expired'), 'never_ran'],
  ['closed pool', new Error('Cannot use a pool after calling end on the pool'), 'never_ran'],
  [
    'P2028 that did not start',
    Object.assign(new Error('Transaction API error: Unable to start a transaction in the given time.'), {
      code: 'P2028',
      meta: {},
    }),
    'never_ran',
  ],
  ['P1001', prismaError('P1001', "Can't reach", { kind: 'DatabaseNotReachable' }), 'never_ran'],
  ['P2010 of an unreachable server', prismaError('P2010', 'raw', { kind: 'DatabaseNotReachable' }), 'never_ran'],
  ['ECONNREFUSED', systemError('ECONNREFUSED', 'connect'), 'never_ran'],
  ['ECONNREFUSED as a code of Prisma', prismaError('ECONNREFUSED', ''), 'never_ran'],
  ['ENOTFOUND', systemError('ENOTFOUND', 'getaddrinfo'), 'never_ran'],
  ['EAI_AGAIN', systemError('EAI_AGAIN', 'getaddrinfo'), 'never_ran'],
  ['EHOSTUNREACH', systemError('EHOSTUNREACH', 'connect'), 'never_ran'],
  ['an errno of connecting that nobody listed', systemError('EADDRNOTAVAIL', 'connect'), 'never_ran'],
  ['a socket file that is not there', systemError('ENOENT', 'connect'), 'never_ran'],
  ['both addresses of localhost', new AggregateError([systemError('ECONNREFUSED', 'connect')]), 'never_ran'],
  ['57P03', serverError('57P03'), 'never_ran', '57P03'],
  ['53300', serverError('53300'), 'never_ran', '53300'],
  ['P2037', prismaError('P2037', 'too many', postgres('53300', 'TooManyConnections')), 'never_ran', '53300'],
  ['08001', serverError('08001'), 'never_ran', '08001'],
  ['08004', serverError('08004'), 'never_ran', '08004'],
  ['PgBouncer is full', serverError('08P01', 'no more connections allowed (max_client_conn)'), 'never_ran', '08P01'],
  ['PgBouncer waits', serverError('08P01', 'query_wait_timeout'), 'never_ran', '08P01'],
  [
    "PgBouncer's login",
    serverError('08P01', 'server login has been failing, cached error: the database system is starting up'),
    'never_ran',
    '08P01',
  ],
];

const ROLLED_BACK: Row[] = [
  ['40001', serverError('40001'), 'rolled_back', '40001'],
  ['40P01', serverError('40P01'), 'rolled_back', '40P01'],
  ['55P03', serverError('55P03'), 'rolled_back', '55P03'],
  ['57014', prismaError('P2039', 'code 57014', postgres('57014')), 'rolled_back', '57014'],
  ['25006', serverError('25006'), 'rolled_back', '25006'],
  ['25P03', serverError('25P03'), 'rolled_back', '25P03'],
  ['53100', serverError('53100'), 'rolled_back', '53100'],
  ['58030', serverError('58030'), 'rolled_back', '58030'],
  [
    'P2034',
    prismaError('P2034', 'write conflict', postgres('40001', 'TransactionWriteConflict')),
    'rolled_back',
    '40001',
  ],
  ['P2034 without its cause', prismaError('P2034', 'write conflict'), 'rolled_back'],
  ['P2010 of a conflict', prismaError('P2010', 'raw', { kind: 'TransactionWriteConflict' }), 'rolled_back'],
  ['a conflict at COMMIT', adapterError(postgres('40001', 'TransactionWriteConflict')), 'rolled_back', '40001'],
  [
    'P2028 that expired',
    prismaError('P2028', 'Transaction API error: A query cannot be executed on an expired transaction.'),
    'rolled_back',
  ],
];

const UNKNOWN: Row[] = [
  ['FIN in mid-query', new Error('Connection terminated unexpectedly'), 'unknown'],
  ['ended by us in mid-query', new Error('Connection terminated'), 'unknown'],
  [
    'a client that broke before',
    new Error('Client has encountered a connection error and is not queryable'),
    'unknown',
  ],
  ['query_timeout', new Error('Query read timeout'), 'unknown'],
  ['ECONNRESET', systemError('ECONNRESET', 'read'), 'unknown'],
  ['EPIPE', systemError('EPIPE', 'write'), 'unknown'],
  ['EPIPE as a code of Prisma', prismaError('EPIPE', ''), 'unknown'],
  ['an errno of reading that nobody listed', systemError('ENETDOWN', 'read'), 'unknown'],
  ['ETIMEDOUT', systemError('ETIMEDOUT', 'read'), 'unknown'],
  ['P1017', prismaError('P1017', 'closed', { kind: 'ConnectionClosed' }), 'unknown'],
  ['P2010 of a closed connection', prismaError('P2010', 'raw', { kind: 'ConnectionClosed' }), 'unknown'],
  ['P1008', prismaError('P1008', 'timed out', { kind: 'SocketTimeout' }), 'unknown'],
  ['57P01', serverError('57P01'), 'unknown', '57P01'],
  ['57P01 through Prisma', prismaError('P2039', 'code 57P01', postgres('57P01')), 'unknown', '57P01'],
  ['57P02', serverError('57P02'), 'unknown', '57P02'],
  ['57P05', serverError('57P05'), 'unknown', '57P05'],
  ['08006', serverError('08006'), 'unknown', '08006'],
  ['40003', serverError('40003'), 'unknown', '40003'],
];

const REFUSED: Row[] = [
  ['23505', serverError('23505'), 'data', '23505'],
  ['P2002', prismaError('P2002', 'unique', postgres('23505', 'UniqueConstraintViolation')), 'data', '23505'],
  ['P2002 without its cause', prismaError('P2002', 'unique'), 'data'],
  ['P2003', prismaError('P2003', 'foreign key', postgres('23503', 'ForeignKeyConstraintViolation')), 'data', '23503'],
  ['a deferred constraint at COMMIT', adapterError(postgres('23503')), 'data', '23503'],
  ['22003', serverError('22003'), 'data', '22003'],
  ['22021', serverError('22021'), 'data', '22021'],
  ['54000: larger than an index takes', serverError('54000'), 'data', '54000'],
  ['42P01', serverError('42P01'), 'fatal', '42P01'],
  ['42501', serverError('42501'), 'fatal', '42501'],
  ['26000', serverError('26000'), 'fatal', '26000'],
  ['0A000', serverError('0A000'), 'fatal', '0A000'],
  ['28P01', serverError('28P01'), 'fatal', '28P01'],
  ['P1000', prismaError('P1000', 'login', postgres('28P01', 'AuthenticationFailed')), 'fatal', '28P01'],
  ['P1003', prismaError('P1003', 'no database', postgres('3D000', 'DatabaseDoesNotExist')), 'fatal', '3D000'],
  ['other words of 08P01', serverError('08P01', 'unsupported startup parameter'), 'fatal', '08P01'],
  ['no TLS', new Error('The server does not support SSL connections'), 'fatal'],
  ['no password', new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), 'fatal'],
  ['TLS through Prisma', prismaError('P1011', 'tls', { kind: 'TlsConnectionError' }), 'fatal'],
  ['a TypeError', new TypeError('undefined is not a function'), 'bug'],
  ['a RangeError that quotes a value', new RangeError('not an instant: Connection terminated'), 'bug'],
  ["Node's own error code", Object.assign(new Error('bad'), { code: 'ERR_INVALID_ARG_TYPE' }), 'bug'],
  ['five capitals without a severity', Object.assign(new Error('what'), { code: 'WHATS' }), 'bug'],
  ['a P2025', prismaError('P2025', 'no record'), 'bug'],
  ['a text', 'went wrong', 'bug'],
  ['nothing', undefined, 'bug'],
];

for (const [outcome, rows] of Object.entries({ NEVER_RAN, ROLLED_BACK, UNKNOWN, REFUSED })) {
  describe(outcome.toLowerCase().replace('_', ' '), () => {
    for (const [what, error, expected, sqlState] of rows) {
      test(what, () => {
        const classified = classifyError(error);
        assert.deepEqual([classified.class, classified.sqlState], [expected, sqlState]);
        assert.equal(isTransient(classified), outcome !== 'REFUSED');
        assert.notEqual(classified.message, '');
        assert.doesNotMatch(classified.message, /\n/);
      });
    }
  });
}

describe('the message', () => {
  for (const [what, error, expected] of [
    ['is the first line', new Error('one\ntwo'), 'one'],
    [
      'is what the server said, not where Prisma called',
      prismaError('P2039', 'x', postgres('57P01')),
      'server says 57P01',
    ],
    ['is the last line of Prisma where the server said nothing', prismaError('P1001', "Can't reach"), "Can't reach"],
    ['is the code where there is no text', Object.assign(new Error(''), { code: 'EPIPE' }), 'EPIPE'],
    [
      'lists the addresses that were tried',
      new AggregateError([systemError('ECONNREFUSED', 'connect'), systemError('ENETUNREACH', 'connect')]),
      'connect ECONNREFUSED 10.0.0.1:5432, connect ENETUNREACH 10.0.0.1:5432',
    ],
    ['is the value itself where no error was thrown', 42, '42'],
  ] as const) {
    test(what, () => assert.equal(classifyError(error).message, expected));
  }
});
