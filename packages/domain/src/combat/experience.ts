/** Leaving level n costs n times this much experience. */
const COST_PER_LEVEL = 100;

/** A level from 1, and the experience gained since it was reached: less than level * 100. */
export interface Level {
  readonly level: number;
  readonly experience: number;
}

/**
 * The level that a hero has reached with everything it ever gained. In constant time, and the same whatever the order
 * of the gains. Any total that is accepted gives a level and an experience within a 32-bit integer.
 * @throws RangeError unless the total is a safe integer from 0.
 */
export function levelAt(totalExperience: number): Level {
  assertTotal(totalExperience);
  // The largest level whose threshold 50 * level * (level - 1) is within the total. The root is exact on a threshold,
  // but just below a large one it may round up to it.
  const root = Math.floor((1 + Math.sqrt(1 + (8 * totalExperience) / COST_PER_LEVEL)) / 2);
  const level = thresholdOf(root) <= totalExperience ? root : root - 1;
  return { level, experience: totalExperience - thresholdOf(level) };
}

/**
 * Everything a hero ever gained, from its level and the experience since. The inverse of `levelAt`.
 * @throws RangeError unless the level is an integer from 1, the experience from 0, and the total a safe integer.
 */
export function totalExperienceOf(level: number, experience: number): number {
  assertLevel(level);
  if (!Number.isSafeInteger(experience) || experience < 0) {
    throw new RangeError(`experience must be an integer from 0, not ${experience}`);
  }
  const total = thresholdOf(level) + experience;
  assertTotal(total);
  return total;
}

/** @throws RangeError unless the level is an integer from 1. */
export function assertLevel(level: number): void {
  if (!Number.isSafeInteger(level) || level < 1) throw new RangeError(`level must be an integer from 1, not ${level}`);
}

function thresholdOf(level: number): number {
  return (COST_PER_LEVEL / 2) * (level * (level - 1));
}

function assertTotal(total: number): void {
  if (!Number.isSafeInteger(total) || total < 0) {
    throw new RangeError(`total experience must be a safe integer from 0, not ${total}`);
  }
}
