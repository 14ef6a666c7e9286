/** Settings come from environment variables. A wrong one is named, and all wrong ones are named together. */
import { envSchema } from 'env-schema';
import type { Static, TObject } from 'typebox';

/** Settings that cannot work. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  /** One sentence each, beginning with the variable. */
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * Reads the variables that `schema` names, with its defaults. A variable that is set to nothing counts as not set.
 *
 * @throws {ConfigurationError} naming every variable that is missing or does not fit
 */
export function parseEnv<Schema extends TObject>(env: NodeJS.ProcessEnv, schema: Schema): Readonly<Static<Schema>> {
  const data = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  try {
    return Object.freeze(envSchema<Static<Schema>>({ schema, data, env: false }));
  } catch (error) {
    throw new ConfigurationError(mistakesOf(error, data));
  }
}

/**
 * Runs every parser and gives their results under the same names.
 *
 * @throws {ConfigurationError} with the mistakes of all of them
 */
export function parseAll<Parsed extends Record<string, unknown>>(
  parsers: {
    readonly [Name in keyof Parsed]: () => Parsed[Name];
  },
): Parsed {
  const mistakes: string[] = [];
  const parsed = Object.entries(parsers).map(([name, parse]) => {
    try {
      return [name, parse()];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      mistakes.push(...error.mistakes);
      return [name, undefined];
    }
  });
  if (mistakes.length > 0) throw new ConfigurationError([...new Set(mistakes)]);
  return Object.freeze(Object.fromEntries(parsed));
}

interface SchemaMistake {
  readonly instancePath: string;
  readonly message?: string;
  readonly params: { readonly missingProperty?: string; readonly allowedValues?: readonly string[] };
}

function mistakesOf(error: unknown, data: Record<string, string | undefined>): string[] {
  const mistakes = (error as { errors?: SchemaMistake[] }).errors;
  if (mistakes === undefined) throw error;
  return mistakes.map(({ instancePath, message = 'is not valid', params }) => {
    if (params.missingProperty !== undefined) return `${params.missingProperty} is not set`;
    const name = instancePath.slice(1);
    const allowed = params.allowedValues === undefined ? message : `must be one of ${params.allowedValues.join(', ')}`;
    // A URL may carry a password.
    return /URL|KEY|PASSWORD|SECRET|TOKEN/.test(name)
      ? `${name} ${allowed}`
      : `${name} ${allowed}; it is "${data[name]}"`;
  });
}
