import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Level, levelAt, totalExperienceOf } from './experience.js';

const INT4_MAX = 2 ** 31 - 1;
/** The highest level whose threshold is a safe integer. */
const HIGHEST_LEVEL = 13_421_773;

describe('levels', () => {
  test('cost 100 experience, then 200, then 300', () => {
    assert.deepEqual(levelAt(0), { level: 1, experience: 0 });
    assert.deepEqual(levelAt(99), { level: 1, experience: 99 });
    assert.deepEqual(levelAt(100), { level: 2, experience: 0 });
    assert.deepEqual(levelAt(299), { level: 2, experience: 199 });
    assert.deepEqual(levelAt(300), { level: 3, experience: 0 });
    assert.deepEqual(levelAt(600), { level: 4, experience: 0 });
  });

  test('are what the plain loop reaches in one go, up to the reward of the strongest enemy', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(100_000), fc.maxSafeNat().map(within(INT4_MAX * 10))), (total) => {
        assert.deepEqual(levelAt(total), plainLoop({ level: 1, experience: 0 }, total));
      }),
    );
  });

  test('are what the plain loop reaches gain by gain, in any order', () => {
    const gains = fc.array(fc.nat(50_000), { maxLength: 30 });
    const twoOrders = gains.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(twoOrders, ([gained, shuffled]) => {
        const start: Level = { level: 1, experience: 0 };
        const expected = levelAt(gained.reduce((sum, gain) => sum + gain, 0));
        assert.deepEqual(gained.reduce(plainLoop, start), expected);
        assert.deepEqual(shuffled.reduce(plainLoop, start), expected);
      }),
    );
  });

  test('begin exactly at their threshold, however high', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: HIGHEST_LEVEL }), (level) => {
        const threshold = totalExperienceOf(level, 0);
        assert.deepEqual(levelAt(threshold), { level, experience: 0 });
        assert.deepEqual(levelAt(threshold - 1), { level: level - 1, experience: (level - 1) * 100 - 1 });
      }),
    );
  });

  test('keep level and experience within 32 bits up to the largest total', () => {
    const { level, experience } = levelAt(Number.MAX_SAFE_INTEGER);
    assert.equal(level, HIGHEST_LEVEL);
    assert.ok(level * 100 - 1 <= INT4_MAX && experience < level * 100);
  });

  test('come back from the total they were turned into', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (total) => {
        const { level, experience } = levelAt(total);
        assert.ok(experience >= 0 && experience < level * 100);
        assert.equal(totalExperienceOf(level, experience), total);
      }),
    );
  });

  test('refuse numbers that no hero can have', () => {
    for (const total of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.throws(() => levelAt(total), RangeError);
      assert.throws(() => totalExperienceOf(1, total), RangeError);
    }
    // So far up that adding half a point would be rounded away instead of noticed.
    assert.throws(() => totalExperienceOf(HIGHEST_LEVEL, 0.5), RangeError);
    for (const level of [0, -1, 1.5, Number.NaN, HIGHEST_LEVEL + 1]) {
      assert.throws(() => totalExperienceOf(level, 0), RangeError);
    }
  });
});

/** The rule as the product states it. */
function plainLoop(from: Level, gained: number): Level {
  let { level, experience } = from;
  experience += gained;
  while (experience >= level * 100) {
    experience -= level * 100;
    level += 1;
  }
  return { level, experience };
}

function within(max: number): (value: number) => number {
  return (value) => value % (max + 1);
}
