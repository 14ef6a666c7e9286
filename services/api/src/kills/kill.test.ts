import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseJson } from '../plugins/body-parsers.js';
import { Problem } from '../problem.js';
import { hashKill, toKillEnemy } from './kill.js';
import { killItems } from './kill-items.js';

const HERO = '0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a10';
const ENEMY = '0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a11';
const ID = '0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a12';
const kill = { heroId: HERO, enemyId: ENEMY };

const isTaken = (item: unknown) => 'command' in killItems.read(item);

describe('a kill as a command', () => {
  test('has its UUIDs in lower case', () => {
    const upper = { heroId: HERO.toUpperCase(), enemyId: ENEMY.toUpperCase() };
    assert.deepEqual(toKillEnemy(upper, ID.toUpperCase()), { type: 'KillEnemy', id: ID, heroId: HERO, enemyId: ENEMY });
  });

  test('has only what was sent', () => {
    const sent = { ...kill, enemyType: 'ORC' as const, occurredAt: '2026-11-21T12:00:00Z' };
    assert.deepEqual(toKillEnemy(sent, ID), { type: 'KillEnemy', id: ID, ...sent });
  });
});

describe('the hash of a kill', () => {
  const hash = (body: object, id = ID) => hashKill(toKillEnemy({ ...kill, ...body }, id));

  test('is the same for the same payload, whatever its id and the case of its UUIDs', () => {
    assert.equal(hash({}), hash({ heroId: HERO.toUpperCase() }, HERO));
  });

  test('differs with each field', () => {
    const hashes = [
      {},
      { heroId: ENEMY },
      { enemyId: HERO },
      { heroId: ENEMY, enemyId: HERO },
      { enemyType: 'ORC' },
      { enemyType: 'TROLL' },
      { occurredAt: '2026-11-21T12:00:00Z' },
      { occurredAt: '2026-11-21T12:00:00.0Z' },
    ].map((body) => hash(body));
    assert.equal(new Set(hashes).size, hashes.length);
  });

  test('is 128 bits of text without spaces', () => {
    assert.match(hash({}), /^[\w-]{22}$/);
  });
});

describe('an item of a bulk request', () => {
  test('gets an id where it has none', () => {
    const item = killItems.read(kill);
    assert.ok('command' in item);
    assert.match(item.command.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  const instants = {
    '2026-11-21T12:00:00Z': true,
    '2026-11-21T12:00:00.123456789Z': true,
    '2026-11-21T12:00:00+14:00': true,
    '2026-11-21T12:00:00-12:30': true,
    '2024-02-29T00:00:00Z': true,
    '2024-02-30T00:00:00Z': false,
    '2023-02-29T00:00:00Z': false,
    '2024-13-01T00:00:00Z': false,
    '0000-01-01T00:00:00Z': false,
    // A year before or after in UTC, which is no year that a receipt can tell.
    '0001-01-01T00:00:00+01:00': false,
    '9999-12-31T23:59:59-01:00': false,
    '2026-11-21T12:00:00+23:00': false,
    '2026-11-21T12:00:00+15:00': false,
    '2026-11-21T24:00:00Z': false,
    '2016-12-31T23:59:60Z': false,
    '2026-11-21 12:00:00Z': false,
    '2026-11-21\u200312:00:00Z': false,
    '2026-11-21T12:00:00': false,
    '2026-11-21': false,
    [`2026-11-21T12:00:00.${'1'.repeat(40)}Z`]: false,
    '1781000000': false,
    '': false,
  };
  for (const [occurredAt, taken] of Object.entries(instants)) {
    test(`${taken ? 'takes' : 'refuses'} the instant ${JSON.stringify(occurredAt)}`, () => {
      assert.equal(isTaken({ ...kill, occurredAt }), taken);
    });
  }

  test('names what is wrong with it, in few words whatever was sent', () => {
    const errorsOf = (item: unknown) => {
      const read = killItems.read(item);
      return 'errors' in read ? read.errors : [];
    };
    assert.deepEqual(errorsOf({ ...kill, enemyType: 'ELF' }), [
      { path: '/enemyType', message: 'must be one of DRAGON, ORC, GOBLIN, TROLL' },
    ]);
    assert.deepEqual(errorsOf({ ...kill, loot: 1 }), [{ path: '', message: 'must not have a property "loot"' }]);
    const [long] = errorsOf({ ...kill, ['x'.repeat(10_000)]: 1 });
    assert.ok((long?.message.length ?? 0) < 200);
  });

  test('is named by its id as far as that is a text', () => {
    assert.deepEqual(killItems.nameOf({ id: 'x'.repeat(200) }), { id: 'x'.repeat(100) });
    for (const item of [{ id: 7 }, {}, null, 7, 'text', [1], undefined]) assert.deepEqual(killItems.nameOf(item), {});
  });
});

describe('reading JSON', () => {
  const bad: Record<string, string | Buffer> = {
    nothing: '',
    'half an object': '{"a":',
    'two values': '{} {}',
    NaN: '{"a":NaN}',
    'a comment': '{} // done',
    'bytes that are no UTF-8': Buffer.from([0x22, 0xff, 0x22]),
    'a surrogate in UTF-8': Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
    'a raw NUL': '"\0"',
    __proto__: '{"a":[{"__proto__":{"admin":true}}]}',
    'an escaped __proto__': '{"\\u005f_proto__":{}}',
    'constructor.prototype': '{"constructor":{"prototype":{}}}',
  };
  for (const [name, text] of Object.entries(bad)) {
    test(`refuses ${name} as malformed`, () => {
      assert.throws(
        () => parseJson(Buffer.from(text)),
        (error: unknown) => error instanceof Problem && error.code === 'malformed_json' && error.message.length <= 200,
      );
    });
  }

  test('takes values of any kind, nested deeply too', () => {
    for (const value of [1, 'é', null, [], { a: [true] }]) {
      assert.deepEqual(parseJson(Buffer.from(JSON.stringify(value))), value);
    }
    assert.ok(Array.isArray(parseJson(Buffer.from('['.repeat(10_000) + ']'.repeat(10_000)))));
  });
});
