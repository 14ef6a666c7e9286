import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../../..');
const EXAMPLE = readFileSync(join(ROOT, '.env.example'), 'utf8');

/** Read, but nobody's to set: the system's, and what `npm test` tells the test files it starts. */
const NOT_FOR_USERS = new Set(['PATH', 'HOME', 'KILLFEED_TEST_POSTGRES_URL']);

interface Line {
  readonly name: string;
  readonly value: string;
  readonly isDefault: boolean;
}

const LINES: Line[] = [...EXAMPLE.matchAll(/^(#?)([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
  ([, mark = '', name = '', value = '']) => ({ name, value, isDefault: mark === '#' }),
);

test('.env.example has every variable that the code or docker-compose.yml reads, once, and no other', () => {
  const read = [...variablesOfCode(), ...variablesOfCompose()].filter((name) => !NOT_FOR_USERS.has(name));
  assert.deepEqual(LINES.map(({ name }) => name).sort(), [...new Set(read)].sort());
});

test('every variable of .env.example has a comment above it', () => {
  for (const { name } of LINES) assert.match(EXAMPLE, new RegExp(`^# .+\\n(#?[A-Z_]+=.*\\n)*#?${name}=`, 'm'), name);
});

for (const service of ['api', 'kills-worker']) {
  test(`the defaults that .env.example shows are those of ${service}`, async () => {
    const { parseConfig } = (await import(join(ROOT, 'services', service, 'dist/config.js'))) as {
      parseConfig(env: NodeJS.ProcessEnv): unknown;
    };
    const required = { DATABASE_URL: 'postgresql://killfeed@localhost/killfeed' };
    const shown = LINES.filter(({ isDefault }) => isDefault).map(({ name, value }) => [name, value]);
    assert.deepEqual(parseConfig({ ...Object.fromEntries(shown), ...required }), parseConfig(required));
  });
}

/** The ways in which our sources name a variable: in a schema, as a property of `env`, or in a list of aliases. */
function variablesOfCode(): string[] {
  return sources().flatMap((text) => {
    const schemas = [...text.matchAll(/^const Environment = Type\.Object\(\{\n(.*?)^\}\)/gms)].map(([, body]) => body);
    const taken = [...text.matchAll(/\{([^{}]*)\} = (?:process\.|options\.)?env;/g)].map(([, names]) => names);
    const aliases = [...text.matchAll(/\[((?:'[A-Z_]+'(?:, )?)+)\]\.find\(.*\benv\[/g)].map(([, names]) => names);
    return [
      ...schemas.flatMap((body = '') => [...body.matchAll(/^ {2}([A-Z][A-Z0-9_]*):/gm)]),
      ...taken.flatMap((names = '') => [...names.matchAll(/\b([A-Z][A-Z0-9_]*)\b/g)]),
      ...text.matchAll(/\benv\.([A-Z][A-Z0-9_]*)\b/g),
      ...aliases.flatMap((names = '') => [...names.matchAll(/'([A-Z_]+)'/g)]),
    ].map(([, name = '']) => name);
  });
}

function variablesOfCompose(): string[] {
  const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
  return [...text.matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name);
}

function sources(): string[] {
  return ['packages', 'services']
    .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(ROOT, group, name, 'src')))
    .flatMap((src) => readdirSync(src, { recursive: true, encoding: 'utf8' }).map((file) => join(src, file)))
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|test-support\.ts$|testing\.ts$|generated/.test(file))
    .map((file) => readFileSync(file, 'utf8'));
}
