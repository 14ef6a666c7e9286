const ISO_INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/**
 * Orders two ISO 8601 timestamps by the instant they name: negative, zero or positive. Exact to any number of fraction
 * digits, which neither a Date (milliseconds) nor the texts themselves ('12.5Z' sorts after '12.51Z') would be.
 * @throws RangeError if either is not a date, a time with seconds and an offset.
 */
export function compareInstants(a: string, b: string): number {
  return compareCodeUnits(instantKey(a), instantKey(b));
}

/**
 * A text that sorts, by code unit, as the instants do, and is equal for equal instants. Years 0000 to 9999.
 * @throws RangeError if the timestamp is not a date, a time with seconds and an offset.
 */
export function instantKey(timestamp: string): string {
  const [, wholeSeconds = '', fraction = '', offset = ''] = ISO_INSTANT.exec(timestamp) ?? [];
  const milliseconds = Date.parse(wholeSeconds + offset);
  if (Number.isNaN(milliseconds)) throw new RangeError(`not an ISO 8601 instant: ${timestamp}`);
  // Without trailing zeros a shorter fraction is a prefix of the longer, and a prefix sorts first.
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${fraction.replace(/0+$/, '')}`;
}

/** Orders two texts by UTF-16 code unit, as `<` does: the same on every machine, whatever its locale. */
export function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
