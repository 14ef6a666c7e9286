import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { type AppOptions, buildApp } from '../app.js';

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly responses: Record<string, { readonly description: string; readonly content?: Record<string, unknown> }>;
}

const ROUTES = [
  'GET /',
  'GET /batches/{id}',
  'GET /enemies',
  'GET /health',
  'GET /health/live',
  'GET /health/ready',
  'GET /heroes',
  'GET /heroes/{id}',
  'GET /heroes/{id}/killed-enemies',
  'GET /killboard/events/{server}/{eventId}',
  'GET /killboard/players/{server}/{id}',
  'GET /kills',
  'GET /kills/{id}',
  'POST /combat/heroes/{heroId}/kill/{enemyType}/{enemyId}',
  'POST /dragon/kill',
  'POST /goblin/kill',
  'POST /killboard/events',
  'POST /kills',
  'POST /orc/kill',
  'POST /troll/kill',
  'PUT /combat/heroes/{heroId}/kill/{enemyType}/{enemyId}',
];

describe('the OpenAPI document', () => {
  let app: FastifyInstance;
  before(async () => {
    app = await buildApp({ checks: { version: '1.2.3', isDraining: () => false }, combatWaitMs: 0 } as AppOptions);
  });
  after(() => app.close());

  const operations = async () => {
    const { paths } = (await app.inject('/api/json')).json() as { paths: Record<string, Record<string, Operation>> };
    return Object.entries(paths).flatMap(([path, byMethod]) =>
      Object.entries(byMethod).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
    );
  };

  test('is version 3.1 and names the API', async () => {
    const document = (await app.inject('/api/json')).json();
    assert.match(document.openapi, /^3\.1\./);
    assert.deepEqual([document.info.title, document.info.version], ['Killfeed', '1.2.3']);
  });

  test('has every route, no more and no less', async () => {
    const names = (await operations()).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ROUTES);
  });

  test('describes every operation and its answers, refusals as problems', async () => {
    for (const { name, operation } of await operations()) {
      assert.ok(operation.summary, name);
      assert.equal(operation.tags?.length, 1, name);
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        assert.ok(description, `${name} ${status}`);
        const isHealth = operation.tags?.[0] === 'health';
        if (Number(status) >= 400 && !isHealth)
          assert.deepEqual(Object.keys(content ?? {}), ['application/problem+json'], name);
      }
    }
  });

  test('refers to nothing that it does not have', async () => {
    const document = (await app.inject('/api/json')).json();
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, ref = '']) => ref);
    for (const ref of refs) {
      const target = ref
        .split('/')
        .reduce((value: unknown, key) => (value as Record<string, unknown>)?.[key], document);
      assert.ok(target, ref);
    }
  });

  test('is shown by Swagger UI', async () => {
    const answer = await app.inject('/api');
    assert.ok([200, 302].includes(answer.statusCode));
    assert.match((await app.inject('/api/')).body, /swagger-ui/);
    assert.equal((await app.inject('/api/static/swagger-ui.css')).statusCode, 200);
  });

  test('answers 405 with Allow at every path of it to a method that it does not take', async () => {
    for (const { name } of await operations()) {
      const [method = '', path = ''] = name.split(' ');
      const answer = await app.inject({ method: 'DELETE', url: path.replaceAll(/[{}]/g, '') });
      assert.deepEqual([answer.statusCode, answer.json().code], [405, 'method_not_allowed'], name);
      assert.ok(String(answer.headers.allow).split(', ').includes(method), name);
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    }
    assert.equal((await app.inject({ method: 'PUT', url: '/kills' })).statusCode, 405);
    assert.equal((await app.inject({ method: 'OPTIONS', url: '/kills' })).headers.allow, 'POST, GET, HEAD');
  });

  test('answers HEAD where it answers GET', async () => {
    const answer = await app.inject({ method: 'HEAD', url: '/health/live' });
    assert.deepEqual([answer.statusCode, answer.body], [200, '']);
  });
});
