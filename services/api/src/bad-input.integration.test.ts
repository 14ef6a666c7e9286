import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { leftOut, openTestApi, QUEUES, type TestApi } from './testing.js';

const HERO = randomUUID();
const ENEMY = randomUUID();
const kill = { heroId: HERO, enemyId: ENEMY };

const NO_UUIDS = [
  '123',
  'a:b:c',
  `urn:uuid:${HERO}`,
  `{${HERO}}`,
  HERO.replaceAll('-', ''),
  `${HERO}\0`,
  `${HERO}\n`,
  ` ${HERO}`,
  '\0',
  '',
  'x'.repeat(10_000),
  '0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a1g',
];

const SINGLE: Record<string, unknown> = {
  null: null,
  'a number': 7,
  'a text': 'kill',
  true: true,
  nothing: {},
  'no enemy': { heroId: HERO },
  'an unknown property': { ...kill, loot: 1 },
  'a property named __defineGetter__': { ...kill, __defineGetter__: 1 },
  'an enemy type in lower case': { ...kill, enemyType: 'orc' },
  'an unknown enemy type': { ...kill, enemyType: 'ELF' },
  'the enemy types as an array': { ...kill, enemyType: ['ORC'] },
  'a time that is none': { ...kill, occurredAt: '2024-02-30T00:00:00Z' },
  'the year 0000': { ...kill, occurredAt: '0000-01-01T00:00:00Z' },
  'an offset of 23 hours': { ...kill, occurredAt: '2024-01-01T00:00:00+23:00' },
  'a time in milliseconds': { ...kill, occurredAt: 1_700_000_000_000 },
  'a null time': { ...kill, occurredAt: null },
  'a null id': { ...kill, id: null },
  'numbers as ids': { heroId: 1, enemyId: 2 },
  'null as ids': { heroId: null, enemyId: null },
  'arrays as ids': { heroId: [HERO], enemyId: [[ENEMY]] },
  'objects as ids': { heroId: { id: HERO }, enemyId: {} },
  'booleans as ids': { heroId: true, enemyId: false },
  ...Object.fromEntries(NO_UUIDS.map((id) => [`the id ${JSON.stringify(id.slice(0, 50))}`, { ...kill, id }])),
  ...Object.fromEntries(
    NO_UUIDS.map((heroId) => [`the hero ${JSON.stringify(heroId.slice(0, 50))}`, { ...kill, heroId }]),
  ),
};

const RAW: Record<string, string | Buffer> = {
  'half an object': '{"heroId":',
  'nothing at all': '',
  'white space': ' \n ',
  NaN: `{"heroId":"${HERO}","enemyId":NaN}`,
  Infinity: '[Infinity]',
  'two objects': '{}{}',
  __proto__: `{"__proto__":{"x":1},"heroId":"${HERO}","enemyId":"${ENEMY}"}`,
  'an escaped __proto__': `{"\\u005f\\u005fproto__":{"x":1},"heroId":"${HERO}","enemyId":"${ENEMY}"}`,
  'constructor.prototype': `[{"constructor":{"prototype":{"x":1}},"heroId":"${HERO}","enemyId":"${ENEMY}"}]`,
  'bytes that are no UTF-8': Buffer.concat([Buffer.from('{"heroId":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  'UTF-16': Buffer.from(JSON.stringify(kill), 'utf16le'),
};

for (const queue of QUEUES) {
  describe(`bad input (${queue})`, { skip: await leftOut(queue) }, () => {
    let api: TestApi;
    before(async () => {
      api = await openTestApi(queue);
    });
    after(() => api.close());
    // The promise of every refusal here.
    afterEach(async () => assert.deepEqual(await api.countQueued(), { jobs: 0, receipts: 0 }));

    const post = (payload: string | Buffer, headers: Record<string, string> = {}, url = '/kills') =>
      api.app.inject({ method: 'POST', url, payload, headers: { 'content-type': 'application/json', ...headers } });

    for (const [name, item] of Object.entries(SINGLE)) {
      test(`refuses ${name}: alone, in an array, in a stream`, async () => {
        assertProblem(await post(JSON.stringify(item)), 400, 'validation_failed');
        for (const answer of [
          await post(JSON.stringify([item])),
          await post(JSON.stringify(item), { 'content-type': 'application/x-ndjson' }),
        ]) {
          assertProblem(answer, 422, 'validation_failed');
          const { accepted, duplicates, rejectedCount, rejected } = answer.json();
          assert.deepEqual([accepted, duplicates, rejectedCount, rejected[0].index], [0, 0, 1, 0]);
          assert.ok(answer.body.length < 2000);
        }
      });
    }

    for (const [name, body] of Object.entries(RAW)) {
      test(`refuses ${name} as malformed`, async () => {
        assertProblem(await post(body), 400, 'malformed_json');
        assertProblem(await post(body, { 'content-type': 'application/x-ndjson' }), 422, 'validation_failed');
        assertProblem(await post(body, {}, '/killboard/events'), 400, 'malformed_json');
      });
    }

    test('refuses JSON nested 10,000 deep', async () => {
      const nested = '['.repeat(10_000) + ']'.repeat(10_000);
      assertProblem(await post(nested), 422, 'validation_failed');
      assertProblem(await post(`{"heroId":${nested}}`), 400, 'validation_failed');
      assertProblem(await post(nested, {}, '/killboard/events'), 422, 'validation_failed');
    });

    test('refuses a body of 2 MiB with 413', async () => {
      const answer = await post(JSON.stringify([kill, 'x'.repeat(2 * 1024 * 1024)]));
      assertProblem(answer, 413, 'body_too_large');
    });

    test('refuses other content types with 415', async () => {
      const types = [
        'text/plain',
        'application/xml',
        'application/vnd.api+json',
        'multipart/form-data',
        'json',
        ';',
        '/',
      ];
      for (const type of types) assertProblem(await post(JSON.stringify(kill), { 'content-type': type }), 415);
      const combat = await post(JSON.stringify(kill), { 'content-type': 'application/x-ndjson' }, '/orc/kill');
      assertProblem(combat, 415, 'unsupported_media_type');
    });

    test('refuses a body without a content type with 415, and no body at all with 400', async () => {
      const answer = await api.app.inject({
        method: 'POST',
        url: '/kills',
        payload: Buffer.from(JSON.stringify(kill)),
      });
      assertProblem(answer, 415, 'unsupported_media_type');
      for (const url of ['/kills', '/orc/kill']) assertProblem(await api.app.inject({ method: 'POST', url }), 400);
      assertProblem(await api.app.inject({ method: 'POST', url: '/killboard/events' }), 422);
    });

    test('refuses a bad or a different Idempotency-Key', async () => {
      for (const key of ['123', '', `urn:uuid:${HERO}`, `${HERO}, ${HERO}`]) {
        assertProblem(await post(JSON.stringify(kill), { 'idempotency-key': key }), 400, 'validation_failed');
      }
      const body = JSON.stringify({ ...kill, id: randomUUID() });
      assertProblem(await post(body, { 'idempotency-key': randomUUID() }), 400, 'validation_failed');
    });

    test('refuses URLs that cannot be decoded, and ids in them that are none', async () => {
      for (const url of [
        '/kills/%E0%A4%A',
        '/kills/%',
        '/kills/%zz',
        ...NO_UUIDS.map(encodeId('/kills')),
        ...NO_UUIDS.map(encodeId('/batches')),
      ]) {
        const answer = await api.app.inject(url);
        assert.ok([400, 404].includes(answer.statusCode), `${answer.statusCode} ${url}`);
        assertProblem(answer, answer.statusCode);
      }
      assertProblem(await api.app.inject({ method: 'PUT', url: `/combat/heroes/${HERO}/kill/%00/${ENEMY}` }), 400);
    });

    test('names what is wrong, with its place', async () => {
      const answer = await post(JSON.stringify({ ...kill, enemyType: 'ELF' }));
      assert.deepEqual(answer.json().errors, [
        { path: '/enemyType', message: 'must be one of DRAGON, ORC, GOBLIN, TROLL' },
      ]);
      assert.equal(answer.json().instance, '/kills');
    });
  });
}

function encodeId(path: string): (id: string) => string {
  return (id) => `${path}/${encodeURIComponent(id)}`;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Record<string, unknown>;
  json(): { readonly code?: string; readonly status?: number };
}

function assertProblem(answer: Answer, status: number, code?: string): void {
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
  assert.deepEqual([answer.statusCode, answer.json().status], [status, status], JSON.stringify(answer.json()));
  if (code !== undefined) assert.equal(answer.json().code, code);
}
