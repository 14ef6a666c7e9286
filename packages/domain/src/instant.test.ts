import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compareInstants, instantKey } from './instant.js';

describe('comparing instants', () => {
  test('reads the fraction as a number, not as text', () => {
    assert.ok(compareInstants('2024-08-18T20:11:12.5Z', '2024-08-18T20:11:12.49Z') > 0);
    assert.ok(compareInstants('2024-08-18T20:11:12Z', '2024-08-18T20:11:12.001Z') < 0);
    assert.ok(compareInstants('2024-08-18T20:11:13Z', '2024-08-18T20:11:12.999999999Z') > 0);
  });

  test('takes instants for equal however many digits they are written with', () => {
    for (const other of ['12.500Z', '12.500000Z', '12.5000000Z', '12.500000000Z']) {
      assert.equal(compareInstants('2024-08-18T20:11:12.5Z', `2024-08-18T20:11:${other}`), 0);
    }
    assert.equal(compareInstants('2024-08-18T20:11:12Z', '2024-08-18T20:11:12.000Z'), 0);
  });

  test('tells ticks of 100 ns apart, which a Date cannot', () => {
    assert.ok(compareInstants('2024-08-18T20:11:12.123456800Z', '2024-08-18T20:11:12.123456700Z') > 0);
  });

  test('counts an offset from UTC in', () => {
    assert.equal(compareInstants('2024-08-18T22:11:12.25+02:00', '2024-08-18T20:11:12.25Z'), 0);
  });

  test('refuses what names no instant', () => {
    for (const text of ['', 'yesterday', '2024-08-18', '2024-08-18T20:11:12', '2024-13-18T20:11:12Z', '1724011872']) {
      assert.throws(() => instantKey(text), RangeError, text);
    }
  });

  test('orders as the number of nanoseconds does', () => {
    const nanoseconds = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n });
    const near = fc.tuple(nanoseconds, fc.constantFrom(0n, 1n, 100n, 1_000n, 10_000_000n, 1_000_000_000n));
    fc.assert(
      fc.property(near, fc.boolean(), fc.boolean(), ([instant, gap], cutA, cutB) => {
        assert.ok(compareInstants(textOf(instant, cutA), textOf(instant + gap, cutB)) <= 0);
        assert.equal(compareInstants(textOf(instant, cutA), textOf(instant + gap, cutB)) === 0, gap === 0n);
      }),
    );
  });
});

function textOf(nanoseconds: bigint, cutZeros: boolean): string {
  const wholeSeconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, '0');
  return `${wholeSeconds}${`.${fraction}`.replace(cutZeros ? /\.?0+$/ : /$^/, '')}Z`;
}
