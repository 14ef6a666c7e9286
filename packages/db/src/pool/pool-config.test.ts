import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigurationError } from '@killfeed/config';
import { databaseOptionsFromEnv, directUrlFromEnv } from './pool-config.js';

const DATABASE_URL = 'postgresql://me:s3cret@db:5432/game';

function mistakesOf(parse: () => unknown): readonly string[] {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.mistakes;
  }
  assert.fail('it was accepted');
}

describe('database options', () => {
  for (const [environment, expected] of [
    [undefined, { poolMax: 10, idleTimeoutMs: 10_000, acquireTimeoutMs: 5000 }],
    ['development', { poolMax: 10, idleTimeoutMs: 10_000, acquireTimeoutMs: 5000 }],
    ['staging', { poolMax: 10, idleTimeoutMs: 10_000, acquireTimeoutMs: 5000 }],
    ['test', { poolMax: 5, idleTimeoutMs: 5000, acquireTimeoutMs: 3000 }],
    ['production', { poolMax: 20, idleTimeoutMs: 30_000, acquireTimeoutMs: 10_000 }],
  ] as const) {
    test(`have the defaults of their environment (${environment ?? 'none'})`, () => {
      const env = environment === undefined ? { DATABASE_URL } : { DATABASE_URL, NODE_ENV: environment };
      assert.deepEqual(databaseOptionsFromEnv(env), { url: DATABASE_URL, ...expected });
    });
  }

  test('are what the variables say', () => {
    const options = databaseOptionsFromEnv({
      DATABASE_URL,
      NODE_ENV: 'production',
      DATABASE_POOL_MAX: '3',
      DATABASE_POOL_IDLE_TIMEOUT: '1000',
      DATABASE_POOL_CONNECTION_TIMEOUT: '2500',
    });
    assert.deepEqual(options, { url: DATABASE_URL, poolMax: 3, idleTimeoutMs: 1000, acquireTimeoutMs: 2500 });
  });

  test('take a variable that is set to nothing for one that is not set', () => {
    const options = databaseOptionsFromEnv({ DATABASE_URL, DATABASE_POOL_MAX: '', NODE_ENV: '' });
    assert.equal(options.poolMax, 10);
  });

  test('report all mistakes together, the missing URL included', () => {
    const mistakes = mistakesOf(() =>
      databaseOptionsFromEnv({
        DATABASE_URL: '',
        DATABASE_POOL_MAX: '0',
        DATABASE_POOL_IDLE_TIMEOUT: '999',
        DATABASE_POOL_CONNECTION_TIMEOUT: 'soon',
      }),
    );
    assert.equal(mistakes.length, 4);
    assert.match(mistakes[0] ?? '', /^DATABASE_POOL_MAX must be >= 1; it is "0"$/);
    assert.match(mistakes[1] ?? '', /^DATABASE_POOL_IDLE_TIMEOUT must be >= 1000; it is "999"$/);
    assert.match(mistakes[2] ?? '', /^DATABASE_POOL_CONNECTION_TIMEOUT must be integer; it is "soon"$/);
    assert.match(mistakes[3] ?? '', /^DATABASE_URL is not set: give it as postgresql:/);
  });

  for (const url of [
    'mysql://me:s3cret@db/game',
    'me:s3cret@db:5432',
    'postgres://me:s3cret/slash@db/game',
    'postgresql://me:s3cret@db:99999/game',
  ]) {
    test(`refuse ${url.replace('s3cret', '***')} without a word of its password`, () => {
      const [mistake = '', ...others] = mistakesOf(() => databaseOptionsFromEnv({ DATABASE_URL: url }));
      assert.deepEqual(others, []);
      assert.match(mistake, /^DATABASE_URL /);
      assert.doesNotMatch(mistake, /s3cret/);
    });
  }

  for (const url of [
    'postgres://db/game',
    'postgresql://me@/game?host=/var/run/postgresql',
    'postgresql://%2Ftmp/game',
  ]) {
    test(`take ${url}`, () => {
      assert.equal(databaseOptionsFromEnv({ DATABASE_URL: url }).url, url);
    });
  }
});

describe('the direct URL', () => {
  const direct = 'postgresql://direct/game';

  test('is that of the first variable that is set', () => {
    const unpooled = 'postgresql://unpooled/game';
    assert.equal(directUrlFromEnv({ DATABASE_URL, DATABASE_URL_DIRECT: direct, DIRECT_URL: unpooled }), direct);
    assert.equal(directUrlFromEnv({ DATABASE_URL, DIRECT_URL: direct, DATABASE_UNPOOLED_URL: unpooled }), direct);
    assert.equal(
      directUrlFromEnv({ DATABASE_URL, DATABASE_URL_DIRECT: '', DATABASE_UNPOOLED_URL: unpooled }),
      unpooled,
    );
    assert.equal(directUrlFromEnv({ DATABASE_URL }), DATABASE_URL);
  });

  test('is named by its own variable when it is wrong', () => {
    const env = { DATABASE_URL, DATABASE_UNPOOLED_URL: 'http://me:s3cret@db' };
    assert.deepEqual(
      mistakesOf(() => directUrlFromEnv(env)),
      ['DATABASE_UNPOOLED_URL must begin with postgresql://'],
    );
    assert.match(mistakesOf(() => directUrlFromEnv({}))[0] ?? '', /^DATABASE_URL is not set/);
  });
});
