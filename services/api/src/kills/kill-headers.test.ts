import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import { clientIdOf, preferredWaitMs } from './kill-headers.js';

const ID = '0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a10';
const OTHER = '0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a11';

const request = (headers: Record<string, string>) => ({ headers }) as unknown as FastifyRequest;

describe('the Idempotency-Key header', () => {
  const idOf = (key: string | undefined, bodyId?: string) =>
    clientIdOf(request(key === undefined ? {} : { 'idempotency-key': key }), bodyId);

  test('is the id, bare or quoted, in lower case', () => {
    for (const key of [ID, `"${ID}"`, ID.toUpperCase(), `"${ID.toUpperCase()}"`]) assert.equal(idOf(key), ID);
  });

  test('gives way to nothing where it is absent', () => {
    assert.equal(idOf(undefined), undefined);
    assert.equal(idOf(undefined, ID.toUpperCase()), ID);
  });

  test('may repeat the id of the body, in any case', () => {
    assert.equal(idOf(ID, ID.toUpperCase()), ID);
  });

  test('is refused when the body has another id', () => {
    assert.throws(() => idOf(OTHER, ID), refusal(/differ/));
  });

  const bad = [
    '',
    '""',
    '123',
    `"${ID}`,
    `${ID}"`,
    `urn:uuid:${ID}`,
    `{${ID}}`,
    `${ID}, ${ID}`,
    `${ID}:1`,
    ID.slice(1),
  ];
  for (const key of bad) {
    test(`is refused as ${JSON.stringify(key)}`, () => {
      assert.throws(() => idOf(key), refusal(/must be a UUID/));
    });
  }
});

describe('the Prefer header', () => {
  const waitMs = (prefer?: string) => preferredWaitMs(request(prefer === undefined ? {} : { prefer }));

  const waits: [string, number | undefined][] = [
    ['wait=1', 1000],
    ['wait=0', 0],
    ['WAIT = "5"', 5000],
    ['wait=30', 30_000],
    ['wait=31', 30_000],
    ['wait=99999999999999999999', 30_000],
    ['respond-async', 0],
    ['Respond-Async', 0],
    // RFC 7240, 4.3: asynchronously, if it takes longer than that.
    ['respond-async, wait=10', 10_000],
    ['wait=10, respond-async', 10_000],
    ['wait=2, wait=9', 2000],
    ['handling=lenient, wait=3;foo=bar', 3000],
    ['return=minimal', undefined],
    ['foo; wait=3', undefined],
    ['wait', undefined],
    ['wait=', undefined],
    ['wait=-1', undefined],
    ['wait=1.5', undefined],
    ['wait=soon', undefined],
    ['wait=0x10', undefined],
    [',,;=;', undefined],
    ['', undefined],
  ];
  for (const [prefer, expected] of waits) {
    test(`means ${expected === undefined ? 'nothing' : `${expected} ms`} as ${JSON.stringify(prefer)}`, () => {
      assert.equal(waitMs(prefer), expected);
    });
  }

  test('means nothing where it is absent', () => {
    assert.equal(waitMs(), undefined);
  });
});

function refusal(detail: RegExp) {
  return (error: unknown) =>
    error instanceof Problem &&
    error.code === 'validation_failed' &&
    error.status === 400 &&
    detail.test(error.message);
}
