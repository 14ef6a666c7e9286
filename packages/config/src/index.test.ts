import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Type } from 'typebox';
import { ConfigurationError, parseAll, parseEnv } from './index.js';

const Environment = Type.Object({
  NAME: Type.String(),
  PORT: Type.Integer({ default: 3000, minimum: 0, maximum: 65_535 }),
  VERBOSE: Type.Boolean({ default: true }),
  MODE: Type.Optional(Type.Enum(['on', 'off'])),
  STORE_URL: Type.Optional(Type.String({ pattern: '^redis://' })),
  API_KEYS: Type.Optional(Type.String({ maxLength: 3 })),
  LOGIN_PASSWORD: Type.Optional(Type.Integer()),
  SESSION_SECRET: Type.Optional(Type.Integer()),
  ACCESS_TOKEN: Type.Optional(Type.Integer()),
});

function mistakesOf(parse: () => unknown): readonly string[] {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.equal(error.message, error.mistakes.join('\n'));
    return error.mistakes;
  }
  assert.fail('it was accepted');
}

const parse = (env: NodeJS.ProcessEnv) => parseEnv(env, Environment);

describe('settings from the environment', () => {
  test('are of the types that the schema says, with its defaults', () => {
    assert.deepEqual(parse({ NAME: 'x', PORT: '8080', MODE: 'off' }), {
      NAME: 'x',
      PORT: 8080,
      VERBOSE: true,
      MODE: 'off',
    });
    assert.equal(parse({ NAME: 'x' }).PORT, 3000);
  });

  test('take "false" for false', () => {
    assert.equal(parse({ NAME: 'x', VERBOSE: 'false' }).VERBOSE, false);
  });

  test('take a variable that is set to nothing for one that is not set', () => {
    assert.deepEqual(parse({ NAME: 'x', PORT: '', MODE: '', VERBOSE: '' }), { NAME: 'x', PORT: 3000, VERBOSE: true });
    assert.deepEqual(
      mistakesOf(() => parse({ NAME: '' })),
      ['NAME is not set'],
    );
  });

  test('hold nothing that the schema does not name', () => {
    const settings = parse({ NAME: 'x', HOME: '/root', AWS_SECRET: 'k' });
    assert.deepEqual(Object.keys(settings).toSorted(), ['NAME', 'PORT', 'VERBOSE']);
  });

  test('cannot be changed', () => {
    assert.ok(Object.isFrozen(parse({ NAME: 'x' })));
  });

  test('leave the environment as it was', () => {
    const env = { NAME: 'x', PORT: '80' };
    parse(env);
    assert.deepEqual(env, { NAME: 'x', PORT: '80' });
  });
});

describe('mistakes', () => {
  for (const [what, env, mistake] of [
    ['a missing variable', {}, 'NAME is not set'],
    ['a number that is none', { NAME: 'x', PORT: 'http' }, 'PORT must be integer; it is "http"'],
    ['a number with a fraction', { NAME: 'x', PORT: '1.5' }, 'PORT must be integer; it is "1.5"'],
    ['a number out of range', { NAME: 'x', PORT: '65536' }, 'PORT must be <= 65535; it is "65536"'],
    ['a boolean that is none', { NAME: 'x', VERBOSE: 'yes' }, 'VERBOSE must be boolean; it is "yes"'],
    ['a choice that is none', { NAME: 'x', MODE: 'maybe' }, 'MODE must be one of on, off; it is "maybe"'],
  ] as const) {
    test(`name ${what}`, () => {
      assert.deepEqual(
        mistakesOf(() => parse(env)),
        [mistake],
      );
    });
  }

  test('are reported all together', () => {
    const mistakes = mistakesOf(() => parse({ PORT: '-1', MODE: 'maybe' }));
    assert.deepEqual(mistakes.map((mistake) => mistake.split(' ')[0]).toSorted(), ['MODE', 'NAME', 'PORT']);
  });

  test('do not repeat what may be a secret', () => {
    const secret = 'hunter2';
    const names = ['STORE_URL', 'API_KEYS', 'LOGIN_PASSWORD', 'SESSION_SECRET', 'ACCESS_TOKEN'];
    const mistakes = mistakesOf(() => parse({ NAME: 'x', ...Object.fromEntries(names.map((name) => [name, secret])) }));
    assert.deepEqual(mistakes.map((mistake) => mistake.split(' ')[0]).toSorted(), names.toSorted());
    assert.ok(mistakes.every((mistake) => !mistake.includes(secret)));
  });
});

describe('several parsers', () => {
  const wrong = (...mistakes: string[]) => {
    throw new ConfigurationError(mistakes);
  };

  test('give their results under their names', () => {
    assert.deepEqual(parseAll({ one: () => 1, two: () => 'b' }), { one: 1, two: 'b' });
  });

  test('report the mistakes of all, each once', () => {
    const mistakes = mistakesOf(() =>
      parseAll({ one: () => wrong('A', 'B'), two: () => 2, three: () => wrong('B', 'C') }),
    );
    assert.deepEqual(mistakes, ['A', 'B', 'C']);
  });

  test('hand on an error that is no mistake of the settings', () => {
    const bug = () => {
      throw new TypeError('bug');
    };
    assert.throws(() => parseAll({ one: () => wrong('A'), two: bug }), TypeError);
  });
});
