import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compareInstants } from '../instant.js';
import type { PlayerTotals } from './player-tally.js';
import type { PlayerSeen, RecordKillEvent } from './record-kill-event.command.js';
import { recordKillEvents } from './record-kill-event.handler.js';
import { KILLBOARD_SERVERS } from './server.js';

const NOTHING_SETTLED: ReadonlySet<string> = new Set();

describe('recording kill events', () => {
  test('counts a kill for the killer and a death for the victim', () => {
    const { outcomes, players } = recordKillEvents(
      [event({ id: 'k1', fame: 500, killer: player('a'), victim: player('b', 'Beta', 'Wolves', 'WLF') })],
      NOTHING_SETTLED,
    );
    const seen = { server: 'europe', firstSeen: '2024-08-18T20:00:00Z', lastSeen: '2024-08-18T20:00:00Z' };
    assert.deepEqual(outcomes, [{ status: 'applied', id: 'k1' }]);
    assert.deepEqual(players, [
      { ...seen, ...player('a'), kills: 1, deaths: 0, killFame: 500, deathFame: 0 },
      { ...seen, ...player('b', 'Beta', 'Wolves', 'WLF'), kills: 0, deaths: 1, killFame: 0, deathFame: 500 },
    ]);
  });

  test('counts a kill of zero fame', () => {
    const { players } = recordKillEvents([event({ fame: 0 })], NOTHING_SETTLED);
    assert.deepEqual(
      players.map(({ kills, deaths, killFame, deathFame }) => [kills, deaths, killFame, deathFame]),
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ],
    );
  });

  test('counts one kill and one death for a player that killed itself', () => {
    const { players } = recordKillEvents(
      [event({ fame: 7, killer: player('a'), victim: player('a') })],
      NOTHING_SETTLED,
    );
    assert.equal(players.length, 1);
    assert.deepEqual(
      [players[0]?.kills, players[0]?.deaths, players[0]?.killFame, players[0]?.deathFame],
      [1, 1, 7, 7],
    );
  });

  test('counts an event once, repeated among the commands or settled before', () => {
    const commands = [event({ id: 'k1' }), event({ id: 'k1', fame: 999 }), event({ id: 'k2', killer: player('z') })];
    const { outcomes, players } = recordKillEvents(commands, new Set(['k2']));
    assert.deepEqual(outcomes, [
      { status: 'applied', id: 'k1' },
      { status: 'duplicate', id: 'k1' },
      { status: 'duplicate', id: 'k2' },
    ]);
    assert.deepEqual(
      players.map(({ id, kills, deaths }) => [id, kills, deaths]),
      [
        ['a', 1, 0],
        ['b', 0, 1],
      ],
    );
  });

  test('keeps the same player id on two servers apart', () => {
    const commands = [event({ id: 'k1', server: 'asia' }), event({ id: 'k2', server: 'americas' })];
    assert.deepEqual(
      recordKillEvents(commands, NOTHING_SETTLED).players.map(({ server, id, kills }) => [server, id, kills]),
      [
        ['americas', 'a', 1],
        ['americas', 'b', 0],
        ['asia', 'a', 1],
        ['asia', 'b', 0],
      ],
    );
  });

  test('sorts players by code unit, not by the rules of a language', () => {
    const commands = ['a', 'B', '_', '-', 'é', 'Z'].map((id) => event({ id, killer: player(id), victim: player(id) }));
    assert.deepEqual(
      recordKillEvents(commands, NOTHING_SETTLED).players.map(({ id }) => id),
      ['-', 'B', 'Z', '_', 'a', 'é'],
    );
  });

  test('names a player as its latest event does, though an older one comes later and looks later as text', () => {
    const commands = [
      event({ id: 'k1', occurredAt: '2024-08-18T20:00:12.5Z', killer: player('a', 'New', 'Wolves', null) }),
      event({ id: 'k2', occurredAt: '2024-08-18T20:00:12.490000000Z', killer: player('a', 'Old', null, 'OLD') }),
      event({ id: 'k3', occurredAt: '2024-08-18T20:00:12Z', killer: player('a', 'Oldest') }),
    ];
    const [alpha] = recordKillEvents(commands, NOTHING_SETTLED).players;
    assert.deepEqual([alpha?.name, alpha?.guild, alpha?.alliance], ['New', 'Wolves', null]);
    assert.deepEqual([alpha?.firstSeen, alpha?.lastSeen], ['2024-08-18T20:00:12Z', '2024-08-18T20:00:12.5Z']);
  });

  test('tells events apart by ticks of 100 ns', () => {
    const commands = [
      event({ id: 'k1', occurredAt: '2024-08-18T20:00:12.123456800Z', killer: player('a', 'New') }),
      event({ id: 'k2', occurredAt: '2024-08-18T20:00:12.123456700Z', killer: player('a', 'Old') }),
    ];
    assert.equal(recordKillEvents(commands, NOTHING_SETTLED).players[0]?.name, 'New');
  });

  test('lets the higher eventId name a player seen twice at one instant', () => {
    const commands = [
      event({ id: 'k2', eventId: 10, occurredAt: '2024-08-18T20:00:12.500Z', killer: player('a', 'Higher') }),
      event({ id: 'k1', eventId: 9, occurredAt: '2024-08-18T20:00:12.500000Z', killer: player('a', 'Lower') }),
    ];
    for (const order of [commands, commands.toReversed()]) {
      assert.equal(recordKillEvents(order, NOTHING_SETTLED).players[0]?.name, 'Higher');
    }
  });

  test('refuses an event without a readable time', () => {
    assert.throws(() => recordKillEvents([event({ occurredAt: 'soon' })], NOTHING_SETTLED), RangeError);
  });
});

/** A feed of few events and fewer players: it repeats events, out of order, and several happen at one instant. */
const feed = fc
  .uniqueArray(
    fc.record({
      server: fc.constantFrom(...KILLBOARD_SERVERS),
      eventId: fc.integer({ min: 1, max: 40 }),
      fame: fc.oneof(fc.constant(0), fc.nat(31_045_461)),
      occurredAt: fc.constantFrom('12Z', '12.5Z', '12.49Z', '12.490000100Z', '12.500000Z', '13Z').map(atSecond),
      killer: playerSeen(),
      victim: playerSeen(),
    }),
    { selector: ({ server, eventId }) => `${server}-${eventId}`, maxLength: 30 },
  )
  .map((events) => events.map((facts) => event({ ...facts, id: `${facts.server}-${facts.eventId}` })));

const distinctAndShuffled = feed.chain((events) => {
  const withRepeats = [...events, ...events.slice(0, 8)];
  return fc.tuple(fc.constant(events), fc.shuffledSubarray(withRepeats, { minLength: withRepeats.length }));
});

describe('any feed', () => {
  test('adds up to the sums over its distinct events', () => {
    fc.assert(
      fc.property(distinctAndShuffled, ([events, fed]) => {
        const { players } = recordKillEvents(fed, NOTHING_SETTLED);
        for (const { server, id, ...totals } of players) {
          const kills = events.filter((each) => each.server === server && each.killer.id === id);
          const deaths = events.filter((each) => each.server === server && each.victim.id === id);
          const times = [...kills, ...deaths].map(({ occurredAt }) => occurredAt);
          assert.deepEqual([totals.kills, totals.killFame], [kills.length, fameOf(kills)]);
          assert.deepEqual([totals.deaths, totals.deathFame], [deaths.length, fameOf(deaths)]);
          assert.ok(times.every((time) => compareInstants(totals.firstSeen, time) <= 0));
          assert.ok(times.every((time) => compareInstants(totals.lastSeen, time) >= 0));
          assert.ok(times.includes(totals.firstSeen) && times.includes(totals.lastSeen));
        }
        assert.equal(sumOf(players, 'kills'), events.length);
        assert.equal(sumOf(players, 'deaths'), events.length);
      }),
    );
  });

  test('gives the same players in any order, names and times included', () => {
    fc.assert(
      fc.property(distinctAndShuffled, ([events, fed]) => {
        assert.deepEqual(
          recordKillEvents(fed, NOTHING_SETTLED).players,
          recordKillEvents(events, NOTHING_SETTLED).players,
        );
      }),
    );
  });

  test('gives the same totals in any batches, merged as the database merges them', () => {
    fc.assert(
      fc.property(distinctAndShuffled, fc.integer({ min: 1, max: 10 }), ([events, fed], batchSize) => {
        const settledIds = new Set<string>();
        const merged = new Map<string, PlayerTotals>();
        for (let start = 0; start < fed.length; start += batchSize) {
          const { outcomes, players } = recordKillEvents(fed.slice(start, start + batchSize), settledIds);
          for (const { id } of outcomes) settledIds.add(id);
          for (const totals of players) merged.set(keyOf(totals), merge(merged.get(keyOf(totals)), totals));
        }
        const { players } = recordKillEvents(events, NOTHING_SETTLED);
        assert.equal(merged.size, players.length);
        for (const totals of players) {
          const found = merged.get(keyOf(totals));
          assert.ok(found);
          assert.deepEqual(sumsOf(found), sumsOf(totals));
          assert.equal(compareInstants(found.firstSeen, totals.firstSeen), 0);
          assert.equal(compareInstants(found.lastSeen, totals.lastSeen), 0);
        }
      }),
    );
  });

  test('adds nothing when it is fed again with its ids settled', () => {
    fc.assert(
      fc.property(distinctAndShuffled, ([events, fed]) => {
        const { outcomes, players } = recordKillEvents(fed, new Set(events.map(({ id }) => id)));
        assert.ok(outcomes.every(({ status }) => status === 'duplicate'));
        assert.deepEqual(players, []);
      }),
    );
  });
});

function event(facts: Partial<RecordKillEvent>): RecordKillEvent {
  return {
    type: 'RecordKillEvent',
    id: 'k1',
    server: 'europe',
    eventId: 1,
    occurredAt: '2024-08-18T20:00:00Z',
    fame: 100,
    killer: player('a'),
    victim: player('b'),
    event: {},
    ...facts,
  };
}

function player(
  id: string,
  name = `name of ${id}`,
  guild: string | null = null,
  alliance: string | null = null,
): PlayerSeen {
  return { id, name, guild, alliance };
}

function playerSeen(): fc.Arbitrary<PlayerSeen> {
  return fc.record({
    id: fc.constantFrom('p1', 'p2', 'p3', 'P1'),
    name: fc.constantFrom('Alpha', 'Beta'),
    guild: fc.constantFrom(null, '', 'Wolves'),
    alliance: fc.constantFrom(null, 'WLF'),
  });
}

function atSecond(second: string): string {
  return `2024-08-18T20:00:${second}`;
}

function fameOf(events: readonly RecordKillEvent[]): number {
  return events.reduce((sum, { fame }) => sum + fame, 0);
}

function sumOf(players: readonly PlayerTotals[], field: 'kills' | 'deaths'): number {
  return players.reduce((sum, totals) => sum + totals[field], 0);
}

function keyOf({ server, id }: PlayerTotals): string {
  return `${server}/${id}`;
}

function sumsOf({ kills, deaths, killFame, deathFame }: PlayerTotals) {
  return { kills, deaths, killFame, deathFame };
}

function merge(stored: PlayerTotals | undefined, added: PlayerTotals): PlayerTotals {
  if (stored === undefined) return added;
  const latest = compareInstants(added.lastSeen, stored.lastSeen) >= 0 ? added : stored;
  return {
    ...latest,
    kills: stored.kills + added.kills,
    deaths: stored.deaths + added.deaths,
    killFame: stored.killFame + added.killFame,
    deathFame: stored.deathFame + added.deathFame,
    firstSeen: compareInstants(added.firstSeen, stored.firstSeen) < 0 ? added.firstSeen : stored.firstSeen,
  };
}
