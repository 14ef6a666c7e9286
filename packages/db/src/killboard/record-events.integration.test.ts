import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import type { Accepted, PlayerSeen, RecordKillEvent } from '@killfeed/domain';
import { openTestDatabase } from '../testing.js';
import { createKillboardReader } from './killboard.reader.js';
import { applyKillEvents } from './record-events.js';

const database = await openTestDatabase();
const { pool, prisma } = database;
const reader = createKillboardReader(prisma);
after(() => database.close());

let lastEventId = 0;

function player(name: string, more: Partial<PlayerSeen> = {}): PlayerSeen {
  return { id: `${name}-${randomUUID()}`, name, guild: null, alliance: null, ...more };
}

function eventOf(
  killer: PlayerSeen,
  victim: PlayerSeen,
  more: Partial<RecordKillEvent> = {},
): Accepted<RecordKillEvent> {
  lastEventId += 1;
  const command: RecordKillEvent = {
    type: 'RecordKillEvent',
    id: randomUUID(),
    server: 'americas',
    eventId: lastEventId,
    occurredAt: '2026-11-20T12:00:00.123456700Z',
    fame: 1000,
    killer,
    victim,
    event: { EventId: lastEventId, Killer: { Name: killer.name }, note: 'as "received", \\ and Ünïcödé' },
    ...more,
  };
  return { command, payloadHash: command.id, acceptedAt: '2026-11-21T10:00:00.000Z' };
}

const statuses = (outcomes: readonly { status: string }[]) => outcomes.map(({ status }) => status);

describe('recording events', () => {
  test('adds to killer and victim, and keeps the event as it was received', async () => {
    const [killer, victim] = [player('Kay', { guild: 'Reds', alliance: 'ARCH' }), player('Vee')];
    const first = eventOf(killer, victim, { fame: 5 });
    const outcomes = await applyKillEvents(pool, [first, eventOf(killer, victim, { fame: 7 })]);
    assert.deepEqual(statuses(outcomes), ['applied', 'applied']);
    const seen = new Date('2026-11-20T12:00:00.123Z');
    const common = { server: 'americas', firstSeen: seen, lastSeen: seen };
    assert.deepEqual(await reader.findPlayer('americas', killer.id), {
      ...common,
      ...killer,
      ...{ kills: 2, deaths: 0, killFame: 12, deathFame: 0, ratio: 2 },
    });
    assert.deepEqual(await reader.findPlayer('americas', victim.id), {
      ...common,
      ...victim,
      ...{ kills: 0, deaths: 2, killFame: 0, deathFame: 12, ratio: 0 },
    });
    assert.deepEqual(await reader.findEvent('americas', first.command.eventId), first.command.event);
  });

  test('adds nothing for repeats, in the same batch or later', async () => {
    const [killer, victim] = [player('Kay'), player('Vee')];
    const [old, fresh] = [eventOf(killer, victim), eventOf(killer, victim)];
    assert.deepEqual(statuses(await applyKillEvents(pool, [old, old])), ['applied', 'duplicate']);
    assert.deepEqual(statuses(await applyKillEvents(pool, [old, fresh, old])), ['duplicate', 'applied', 'duplicate']);
    const found = await reader.findPlayer('americas', killer.id);
    assert.deepEqual([found?.kills, found?.killFame], [2, 2000]);
  });

  test('keeps the first of two events under one id', async () => {
    const killer = player('Kay');
    const first = eventOf(killer, player('Vee'), { fame: 1 });
    const second = eventOf(killer, player('Wim'), { fame: 2, id: first.command.id });
    assert.deepEqual(statuses(await applyKillEvents(pool, [first, second])), ['applied', 'duplicate']);
    assert.equal((await reader.findPlayer('americas', killer.id))?.killFame, 1);
  });

  test('takes an older event without forgetting the newer name', async () => {
    const id = player('x').id;
    const victim = player('Vee');
    const at = (occurredAt: string, name: string, guild: string | null) =>
      eventOf({ id, name, guild, alliance: null }, victim, { occurredAt });
    await applyKillEvents(pool, [at('2026-11-20T12:00:00Z', 'New', 'Greens')]);
    await applyKillEvents(pool, [at('2026-11-18T12:00:00Z', 'Old', 'Reds')]);
    const found = await reader.findPlayer('americas', id);
    assert.deepEqual([found?.name, found?.guild, found?.kills], ['New', 'Greens', 2]);
    assert.equal(found?.firstSeen.toISOString(), '2026-11-18T12:00:00.000Z');
    assert.equal(found?.lastSeen.toISOString(), '2026-11-20T12:00:00.000Z');
    await applyKillEvents(pool, [at('2026-11-20T12:00:01Z', 'Newest', null)]);
    const later = await reader.findPlayer('americas', id);
    assert.deepEqual([later?.name, later?.guild], ['Newest', null]);
  });

  test('counts a player that killed itself once as killer and once as victim', async () => {
    const lone = player('Lone');
    await applyKillEvents(pool, [eventOf(lone, lone, { fame: 0 })]);
    const found = await reader.findPlayer('americas', lone.id);
    assert.deepEqual([found?.kills, found?.deaths, found?.ratio], [1, 1, 1]);
  });

  test('adds up fame beyond 32 bits', async () => {
    const [killer, victim] = [player('Kay'), player('Vee')];
    const fame = 3_000_000_000;
    await applyKillEvents(pool, [eventOf(killer, victim, { fame }), eventOf(killer, victim, { fame })]);
    await applyKillEvents(pool, [eventOf(killer, victim, { fame })]);
    assert.equal((await reader.findPlayer('americas', killer.id))?.killFame, 9_000_000_000);
  });

  test('takes the same event number and player on two servers for two', async () => {
    const [killer, victim] = [player('Kay'), player('Vee')];
    const here = eventOf(killer, victim);
    const there = eventOf(killer, victim, { server: 'asia', eventId: here.command.eventId });
    assert.deepEqual(statuses(await applyKillEvents(pool, [here, there])), ['applied', 'applied']);
    assert.equal((await reader.findPlayer('asia', killer.id))?.kills, 1);
  });

  test('takes a batch of nothing', async () => {
    assert.deepEqual(await applyKillEvents(pool, []), []);
  });

  test('stores nothing of a batch in which a time is none', async () => {
    const good = eventOf(player('Kay'), player('Vee'));
    const broken = eventOf(player('Kay'), player('Vee'), { occurredAt: 'yesterday' });
    await assert.rejects(applyKillEvents(pool, [good, broken]));
    assert.equal(await reader.findEvent('americas', good.command.eventId), null);
    assert.equal(await reader.findPlayer('americas', good.command.killer.id), null);
  });
});

describe('rival batches', () => {
  test('that share players meet no deadlock and add up right', async () => {
    const players = Array.from({ length: 12 }, (_, index) => player(`p${index}`));
    const pick = (index: number) => players[index % players.length] ?? player('x');
    const batches = Array.from({ length: 60 }, (_, batch) => {
      const events = players.map((_, index) => eventOf(pick(index), pick(index + 1 + (batch % 5)), { fame: 1 }));
      return batch % 2 === 0 ? events : events.toReversed();
    });
    await Promise.all(batches.map((batch) => applyKillEvents(pool, batch)));
    const found = await Promise.all(players.map(({ id }) => reader.findPlayer('americas', id)));
    assert.deepEqual(
      found.map((each) => [each?.kills, each?.deaths, each?.killFame, each?.deathFame]),
      players.map(() => [60, 60, 60, 60]),
    );
  });

  test('with the same events count each once', async () => {
    const [killer, victim] = [player('Kay'), player('Vee')];
    const events = Array.from({ length: 30 }, () => eventOf(killer, victim, { fame: 2 }));
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, caller) => applyKillEvents(pool, caller % 2 === 0 ? events : events.toReversed())),
    );
    assert.equal(all.flat().filter(({ status }) => status === 'applied').length, 30);
    assert.equal((await reader.findPlayer('americas', victim.id))?.deathFame, 60);
  });
});
