/**
 * What JSON may hold and PostgreSQL does not store. Found before it is queued: on either queue one such value would fail
 * the write of everybody whose request came in the same turn.
 */

/** Events nest 8 levels; PostgreSQL and JSON.stringify run out of stack at a few thousand. */
const DEPTH_MAX = 64;

// NUL, and halves of surrogate pairs.
const UNSTORABLE_TEXT = /\0|\p{Surrogate}/u;

/** Says what is wrong with the value, or nothing if it can be stored. */
export function findUnstorable(value: unknown): string | undefined {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_MAX) return `must not nest more than ${DEPTH_MAX} levels`;
    const next: unknown[] = [];
    for (const each of level) {
      if (typeof each === 'string' && UNSTORABLE_TEXT.test(each)) return 'must not have NUL or unpaired surrogates';
      if (typeof each !== 'object' || each === null) continue;
      // An array has no keys to look at. Not spread: a long one is more than a call takes.
      if (!Array.isArray(each)) for (const key of Object.keys(each)) next.push(key);
      for (const member of Object.values(each)) next.push(member);
    }
    level = next;
  }
  return undefined;
}
