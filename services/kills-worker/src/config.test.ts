import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigurationError } from '@killfeed/config';
import { parseConfig } from './config.js';

const DATABASE_URL = 'postgresql://me:s3cret@db/game';
const REDIS_URL = 'redis://:s3cret@redis';

function mistakesOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    parseConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.mistakes;
  }
  assert.fail('it was accepted');
}

describe("the worker's settings", () => {
  test('have defaults for everything but the database', () => {
    const { database, queue, ...rest } = parseConfig({ DATABASE_URL });
    assert.deepEqual(rest, {
      concurrency: 50,
      batchMax: 500,
      port: 3001,
      host: '::',
      shutdownTimeoutMs: 15_000,
      logLevel: 'info',
    });
    assert.equal(database.url, DATABASE_URL);
    assert.deepEqual([queue.kind, queue.url], ['postgres', DATABASE_URL]);
  });

  test('put the queue on Redis where there is one, and on the direct URL where it is PostgreSQL', () => {
    assert.deepEqual(parseConfig({ DATABASE_URL, REDIS_URL }).queue.url, REDIS_URL);
    const direct = 'postgresql://direct/game';
    const env = { DATABASE_URL, REDIS_URL, QUEUE_BACKEND: 'postgres', DATABASE_URL_DIRECT: direct };
    const { database, queue } = parseConfig(env);
    assert.deepEqual([database.url, queue.kind, queue.url], [DATABASE_URL, 'postgres', direct]);
  });

  test('listen on WORKER_PORT, else on PORT', () => {
    assert.equal(parseConfig({ DATABASE_URL, PORT: '4000' }).port, 4000);
    assert.equal(parseConfig({ DATABASE_URL, PORT: '4000', WORKER_PORT: '0' }).port, 0);
  });

  test('report the mistakes of worker, database and queue together, each once, without secrets', () => {
    const mistakes = mistakesOf({
      KILLS_WORKER_CONCURRENCY: '0',
      SHUTDOWN_TIMEOUT_MS: '999',
      LOG_LEVEL: 'loud',
      DATABASE_POOL_MAX: '-1',
      QUEUE_BACKEND: 'kafka',
      REDIS_URL: 'http://:s3cret@redis',
    });
    assert.deepEqual(mistakes.map((mistake) => mistake.split(' ')[0]).toSorted(), [
      'DATABASE_POOL_MAX',
      'DATABASE_URL',
      'KILLS_WORKER_CONCURRENCY',
      'LOG_LEVEL',
      'QUEUE_BACKEND',
      'REDIS_URL',
      'SHUTDOWN_TIMEOUT_MS',
    ]);
    assert.ok(mistakes.every((mistake) => !mistake.includes('s3cret')));
  });
});
