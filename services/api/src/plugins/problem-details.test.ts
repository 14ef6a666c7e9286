import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QueueUnavailable } from '@killfeed/queue';
import Fastify, { type FastifyInstance } from 'fastify';
import { PROBLEMS, Problem } from '../problem.js';
import { problemDetails, sendFrameworkError } from './problem-details.js';

async function buildTestApp(error: unknown): Promise<FastifyInstance> {
  const app = Fastify({ frameworkErrors: sendFrameworkError, routerOptions: { maxParamLength: 20 } });
  await app.register(problemDetails);
  app.get('/things/:id', async () => {
    throw error;
  });
  app.put('/things/:id', async () => 'put');
  app.get('/files/*', async () => 'file');
  app.get(
    '/limited',
    { schema: { querystring: { type: 'object', properties: { n: { type: 'integer' } } } } },
    async () => '',
  );
  return app;
}

const answerTo = async (error: unknown) => (await buildTestApp(error)).inject('/things/7');

describe('an error as a problem document', () => {
  test('has the members of RFC 9457, a stable code, and what the problem adds', async () => {
    const errors = [{ path: '/a', message: 'must be b' }];
    const answer = await answerTo(
      new Problem('validation_failed', 'no', { status: 422, errors, members: { accepted: 3 } }),
    );
    assert.equal(answer.statusCode, 422);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    assert.deepEqual(answer.json(), {
      type: '/problems/validation_failed',
      title: PROBLEMS.validation_failed[1],
      status: 422,
      detail: 'no',
      instance: '/things/7',
      code: 'validation_failed',
      errors,
      accepted: 3,
    });
  });

  const cases: [string, unknown, number, string][] = [
    ['the queue away', new QueueUnavailable('x', { cause: new Error('secret') }), 503, 'queue_unavailable'],
    ['the database refusing connections', withCode('connect', 'ECONNREFUSED'), 503, 'database_unavailable'],
    ['a pool that waited in vain', new Error('timeout exceeded when trying to connect'), 503, 'database_unavailable'],
    ['a server shutting down', withSqlState('57P01'), 503, 'database_unavailable'],
    ['a missing table', withSqlState('42P01'), 503, 'database_unavailable'],
    ['values that the database refused', withSqlState('22P02'), 500, 'internal'],
    ['a bug', new TypeError('secret is not a function'), 500, 'internal'],
    ['a thrown text', 'secret', 500, 'internal'],
    ['a 4xx of the framework', withStatus(414), 414, 'validation_failed'],
  ];
  for (const [name, error, status, code] of cases) {
    test(`answers ${status} ${code} to ${name}, and tells nothing of the inside`, async () => {
      const answer = await answerTo(error);
      assert.deepEqual([answer.statusCode, answer.json().code, answer.json().status], [status, code, status]);
      assert.equal(answer.headers['retry-after'], status === 503 ? '2' : undefined);
      assert.ok(!answer.body.includes('secret'));
    });
  }

  test('names the parameter that does not fit', async () => {
    const answer = await (await buildTestApp(null)).inject('/limited?n=x');
    assert.equal(answer.statusCode, 400);
    assert.deepEqual(answer.json().errors, [{ path: '/n', message: 'must be integer' }]);
  });
});

describe('a request that no route takes', () => {
  test('answers 404 where there is nothing', async () => {
    const app = await buildTestApp(null);
    for (const url of ['/nothing', '/things', '/things/1/2', '/%00']) {
      const answer = await app.inject(url);
      assert.deepEqual([answer.statusCode, answer.json().code], [404, 'not_found'], url);
    }
  });

  test('answers 405 with Allow where another method is taken', async () => {
    const app = await buildTestApp(null);
    const answer = await app.inject({ method: 'DELETE', url: '/things/7?x=1' });
    assert.deepEqual([answer.statusCode, answer.json().code], [405, 'method_not_allowed']);
    assert.deepEqual(String(answer.headers.allow).split(', ').sort(), ['GET', 'HEAD', 'PUT']);
    assert.equal((await app.inject({ method: 'POST', url: '/files/a.b/c' })).statusCode, 405);
  });

  test('answers 400 to a URL that cannot be decoded', async () => {
    const answer = await (await buildTestApp(null)).inject('/things/%E0%A4%A');
    assert.deepEqual([answer.statusCode, answer.json().code], [400, 'validation_failed']);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
  });

  test('answers 400 to a parameter that is too long', async () => {
    const answer = await (await buildTestApp(null)).inject(`/things/${'7'.repeat(21)}`);
    assert.deepEqual([answer.statusCode, answer.json().code], [400, 'validation_failed']);
  });
});

function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

function withSqlState(code: string): Error {
  return Object.assign(new Error('secret'), { code, severity: 'ERROR' });
}

function withStatus(statusCode: number): Error {
  return Object.assign(new Error('no'), { statusCode });
}
