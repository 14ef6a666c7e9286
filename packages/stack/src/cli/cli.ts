/** What the command lines of this package share. */
import { join } from 'node:path';
import { describePortUser } from '@killfeed/embedded';

/** Data and logs of everything that is started from this clone: `KILLFEED_DATA`, or `.killfeed` in it. */
export const DATA_FOLDER = process.env.KILLFEED_DATA || join(import.meta.dirname, '../../../../.killfeed');

/** @throws when the text is no whole number in the range */
export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`${flag} takes a whole number from ${min} to ${max}, not "${text}"`);
}

/** @throws naming who listens on the port and what to do */
export async function requireFreePort(port: number, example: string): Promise<void> {
  const user = await describePortUser(port);
  if (user !== null) throw new Error(`port ${port} is in use by ${user}: end that, or choose another: ${example}`);
}

/** One line a step; errors in one line too, with what to do. */
export function say(step: string): void {
  console.log(`  ${step}`);
}

export function fail(command: string, error: unknown): void {
  console.error(`${command}: ${error instanceof Error ? error.message : String(error)}${adviceFor(error)}`);
  process.exitCode = 1;
}

function adviceFor(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS')) {
    return '\n(--help shows what it takes; npm hands flags on only behind --: npm run demo -- --kills 100)';
  }
  if (code === 'ECONNREFUSED') return '\n(is it running? the servers of `npm start` run as long as it does)';
  return '';
}
