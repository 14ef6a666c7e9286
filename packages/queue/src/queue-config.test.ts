import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigurationError } from '@killfeed/config';
import { queueOptionsFromEnv } from './queue-config.js';

const DATABASE_URL = 'postgresql://localhost/killfeed';
const REDIS_URL = 'redis://localhost:6379';
const options = (env: NodeJS.ProcessEnv) => queueOptionsFromEnv(env, DATABASE_URL);

describe('choosing the queue', () => {
  test('takes PostgreSQL where nothing is said, by the direct URL', () => {
    assert.deepEqual(options({}), { kind: 'postgres', url: DATABASE_URL, prefix: '{kills}', timeoutMs: 1500 });
  });

  test('takes Redis where there is one', () => {
    for (const url of [REDIS_URL, 'rediss://user:secret@host:6380/1']) {
      const { kind, url: chosen } = options({ REDIS_URL: url });
      assert.deepEqual([kind, chosen], ['redis', url]);
    }
  });

  test('takes what is chosen by hand', () => {
    assert.equal(options({ QUEUE_BACKEND: 'postgres', REDIS_URL }).kind, 'postgres');
    assert.equal(options({ QUEUE_BACKEND: 'redis', REDIS_URL }).kind, 'redis');
  });

  test('takes a variable that is set to nothing for one that is not set', () => {
    assert.equal(
      options({ REDIS_URL: '', QUEUE_BACKEND: '', QUEUE_PREFIX: '', QUEUE_TIMEOUT_MS: '' }).kind,
      'postgres',
    );
  });

  test('takes prefix and timeout', () => {
    const { prefix, timeoutMs } = options({ QUEUE_PREFIX: '{mine}', QUEUE_TIMEOUT_MS: '250' });
    assert.deepEqual([prefix, timeoutMs], ['{mine}', 250]);
  });
});

describe('refusing settings', () => {
  const mistakesOf = (env: NodeJS.ProcessEnv): readonly string[] => {
    try {
      options(env);
    } catch (error) {
      if (error instanceof ConfigurationError) return error.mistakes;
      throw error;
    }
    return [];
  };

  test('refuses Redis by hand without a URL of it', () => {
    assert.match(mistakesOf({ QUEUE_BACKEND: 'redis' }).join(), /QUEUE_BACKEND is redis, but REDIS_URL is not set/);
  });

  const wrong = {
    REDIS_URL: ['localhost:6379', 'http://localhost'],
    QUEUE_BACKEND: ['kafka', 'Redis'],
    QUEUE_TIMEOUT_MS: ['99', '60001', 'soon', '1.5', '-1'],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      test(`refuses ${name}=${value}, and names it`, () => {
        const mistakes = mistakesOf({ [name]: value });
        assert.equal(mistakes.length, 1);
        assert.ok(mistakes[0]?.startsWith(name), mistakes[0]);
      });
    }
  }

  test('names all mistakes at once, and no password', () => {
    const mistakes = mistakesOf({ REDIS_URL: 'http://u:secret@x', QUEUE_BACKEND: 'x', QUEUE_TIMEOUT_MS: '1' });
    assert.equal(mistakes.length, 3);
    assert.ok(!mistakes.join().includes('secret'));
  });
});
