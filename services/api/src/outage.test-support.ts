/** For tests of outages, and of streams: kills of heroes that nobody knows, how to post them, and what a 503 has to be. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { type TestApi, until } from './testing.js';

export const newKill = () => ({ id: randomUUID(), heroId: randomUUID(), enemyId: randomUUID() });
export const toLines = (kills: object[]) => kills.map((kill) => `${JSON.stringify(kill)}\n`).join('');
export const newKills = (count: number) => Array.from({ length: count }, newKill);

/** A text is posted as NDJSON. */
export async function post(
  api: TestApi,
  payload: object | string,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  const type = typeof payload === 'string' ? 'application/x-ndjson' : 'application/json';
  return api.app.inject({ method: 'POST', url: '/kills', payload, headers: { 'content-type': type, ...headers } });
}

export async function assertUnavailable(
  request: Promise<LightMyRequestResponse>,
  code = 'queue_unavailable',
): Promise<LightMyRequestResponse> {
  const startedAt = performance.now();
  const answer = await request;
  const took = performance.now() - startedAt;
  assert.deepEqual([answer.statusCode, answer.json().code], [503, code]);
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.ok(took < 3000, `within 3 s, not ${took} ms`);
  return answer;
}

export async function untilAccepted(api: TestApi, payload: object): Promise<void> {
  await until('kills are accepted again', async () => [200, 202].includes((await post(api, payload)).statusCode));
}
