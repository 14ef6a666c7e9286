import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RecordKillEvent } from '@killfeed/domain';
import { albionItems, eventUuid } from './albion.js';

const europe = albionItems('europe');

const player = (name: string, more: object = {}) => ({
  Id: `${name}-id`,
  Name: name,
  GuildName: 'Wolves',
  AllianceName: 'WLF',
  LifetimeStatistics: { PvE: { Total: 0 } },
  ...more,
});

const event = (more: object = {}) => ({
  EventId: 421_000_001,
  TimeStamp: '2024-08-18T20:11:12.123456800Z',
  TotalVictimKillFame: 1234,
  Killer: player('Ada'),
  Victim: player('Bob'),
  Participants: [player('Cyd', { DamageDone: 7 })],
  GroupMembers: [player('Ada'), player('Dan')],
  Location: null,
  Type: 'KILL',
  ...more,
});

function commandOf(item: unknown, reader = europe): RecordKillEvent {
  const read = reader.read(item);
  assert.ok('command' in read, JSON.stringify(read));
  return read.command as RecordKillEvent;
}

const isTaken = (item: unknown) => 'command' in europe.read(item);

describe('an Albion event as a command', () => {
  test('carries the key, the time as received, the fame and both players', () => {
    const { event: _, id, ...command } = commandOf(event());
    assert.equal(id, eventUuid('europe', 421_000_001));
    assert.deepEqual(command, {
      type: 'RecordKillEvent',
      server: 'europe',
      eventId: 421_000_001,
      occurredAt: '2024-08-18T20:11:12.123456800Z',
      fame: 1234,
      killer: { id: 'Ada-id', name: 'Ada', guild: 'Wolves', alliance: 'WLF' },
      victim: { id: 'Bob-id', name: 'Bob', guild: 'Wolves', alliance: 'WLF' },
    });
  });

  test('keeps the event without LifetimeStatistics of anybody, and leaves what was sent alone', () => {
    const sent = event({ Unknown: { LifetimeStatistics: 'not a player' } });
    const before = structuredClone(sent);
    const kept = JSON.parse(JSON.stringify(commandOf(sent).event));
    const { LifetimeStatistics: _, ...ada } = player('Ada');
    assert.deepEqual(kept.Killer, ada);
    for (const each of [kept.Victim, ...kept.Participants, ...kept.GroupMembers])
      assert.ok(!('LifetimeStatistics' in each));
    assert.deepEqual(kept.Participants[0].DamageDone, 7);
    assert.deepEqual(kept.Unknown, { LifetimeStatistics: 'not a player' });
    assert.deepEqual(Object.keys(kept), Object.keys(sent));
    assert.deepEqual(sent, before);
  });

  test('reads null, empty and absent guilds and alliances as none', () => {
    for (const none of [
      { GuildName: null, AllianceName: null },
      { GuildName: '', AllianceName: '' },
    ]) {
      const { killer } = commandOf(event({ Killer: player('Ada', none) }));
      assert.deepEqual([killer.guild, killer.alliance], [null, null]);
    }
    const { victim } = commandOf(event({ Victim: { Id: 'b', Name: 'Bob' } }));
    assert.deepEqual(victim, { id: 'b', name: 'Bob', guild: null, alliance: null });
  });

  test('takes participants and group members of any shape', () => {
    for (const odd of [null, [], 'none', [null, 7, 'x', []], {}]) {
      assert.ok(isTaken(event({ Participants: odd, GroupMembers: odd })), JSON.stringify(odd));
    }
  });

  test('derives the id from server and EventId, and so is its hash', () => {
    const [europeId, asiaId] = [commandOf(event()).id, commandOf(event(), albionItems('asia')).id];
    assert.notEqual(europeId, asiaId);
    assert.notEqual(eventUuid('europe', 1), eventUuid('europe', 11));
    const read = europe.read(event({ TotalVictimKillFame: 9 }));
    assert.ok('payloadHash' in read);
    assert.equal(read.payloadHash, europeId);
    // Stored for ever: another derivation would take every event a second time.
    assert.equal(eventUuid('americas', 1), '56bc99c8-43d3-5ade-b525-547e446065d4');
  });

  test('takes the time with 0 to 9 fraction digits', () => {
    for (const fraction of ['', '.1', '.123', '.123456', '.123456789']) {
      assert.ok(isTaken(event({ TimeStamp: `2024-08-18T20:11:12${fraction}Z` })), fraction);
    }
  });

  const refused: Record<string, object> = {
    'a time that is no instant': { TimeStamp: '2024-02-30T00:00:00Z' },
    'a time without an offset': { TimeStamp: '2024-08-18T20:11:12' },
    'a time that is not in UTC': { TimeStamp: '2024-08-18T20:11:12+02:00' },
    'a time with a space': { TimeStamp: '2024-08-18 20:11:12Z' },
    'a leap second': { TimeStamp: '2016-12-31T23:59:60Z' },
    'the year 0000': { TimeStamp: '0000-01-01T00:00:00Z' },
    'a time in lower case': { TimeStamp: '2024-08-18t20:11:12z' },
    'a number as text': { EventId: '421000001' },
    'an EventId of zero': { EventId: 0 },
    'a negative EventId': { EventId: -1 },
    'an EventId with a fraction': { EventId: 1.5 },
    'an EventId beyond what a number holds': { EventId: 2 ** 53 },
    'negative fame': { TotalVictimKillFame: -1 },
    'no fame': { TotalVictimKillFame: null },
    'no killer': { Killer: null },
    'a killer without an id': { Killer: { Name: 'Ada' } },
    'a killer with an empty id': { Killer: player('Ada', { Id: '' }) },
    'a name of a number': { Victim: player('Bob', { Name: 7 }) },
    'a name without end': { Victim: player('Bob', { Name: 'x'.repeat(201) }) },
    'NUL in a name': { Killer: player('A\0da') },
    'NUL in an id': { Killer: player('Ada', { Id: 'a\0' }) },
    'NUL in a guild': { Victim: player('Bob', { GuildName: '\0' }) },
    'NUL in a field that is only kept': { KillArea: 'OPEN\0WORLD' },
    'NUL in a key': { Extra: [{ 'a\0': 1 }] },
    'half a surrogate pair in a field that is only kept': { Extra: [{ note: '\ud800' }] },
    'nesting without end': { Extra: nested(10_000) },
  };
  for (const [name, more] of Object.entries(refused)) {
    test(`refuses ${name}`, () => {
      assert.equal(isTaken(event(more)), false);
    });
  }

  test('takes what is nested as deeply as events are, and text in any script', () => {
    assert.ok(isTaken(event({ Extra: nested(30), KillArea: '開放世界 𝄞' })));
  });

  test('is named by its EventId as far as that is a number', () => {
    assert.deepEqual(europe.nameOf({ EventId: 7 }), { eventId: 7 });
    for (const item of [{ EventId: '7' }, {}, null, 7, undefined]) assert.deepEqual(europe.nameOf(item), {});
  });
});

function nested(depth: number): unknown {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}
