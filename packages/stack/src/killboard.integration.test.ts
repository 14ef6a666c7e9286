import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { auditStack } from './demo.js';
import { openTestStack, realEventsFile, type TestStack, until } from './testing.js';

interface AlbionPlayer {
  Id: string;
  Name: string;
}

interface AlbionEvent {
  EventId: number;
  TotalVictimKillFame: number;
  Killer: AlbionPlayer;
  Victim: AlbionPlayer;
}

const raw = realEventsFile('events-raw.jsonl');
const cleaned = realEventsFile('events-cleaned-americas-20k.jsonl.gz');

test('stores 184 real events once, however they are posted', { skip: raw.leftOut }, async (t) => {
  const stack = await openTestStack(t, { queue: 'postgres' });
  const text = readFileSync(raw.file, 'utf8');
  const events = parseLines<AlbionEvent>(text);
  assert.equal(events.length, 184);

  const first = await post(stack, 'europe', text);
  assert.deepEqual([first.accepted, first.duplicates, first.rejectedCount], [184, 0, 0]);
  const again = await post(stack, 'europe', text);
  assert.deepEqual([again.accepted, again.duplicates, again.rejectedCount], [0, 184, 0]);
  await untilStored(stack, 184);
  await assertTotals(stack, 'europe', events);

  // Another server's events are other events, whatever their numbers.
  const array = await post(stack, 'americas', JSON.stringify(events));
  assert.deepEqual([array.accepted, array.duplicates], [184, 0]);
  for (const event of shuffled(events)) {
    const answer = await post(stack, 'asia', JSON.stringify(event));
    assert.equal(answer.accepted, 1);
  }
  await untilStored(stack, 3 * 184);
  await assertTotals(stack, 'americas', events);
  await assertTotals(stack, 'asia', events);
  assert.equal((await auditStack(stack)).ok, true);

  const [event] = events;
  assert.ok(event);
  const stored = await stack.client.GET('/killboard/events/{server}/{eventId}', {
    params: { path: { server: 'asia', eventId: event.EventId } },
  });
  assert.deepEqual(
    stored.data,
    JSON.parse(JSON.stringify(event, (key, v) => (key === 'LifetimeStatistics' ? undefined : v))),
  );
});

test('takes 20,000 events of a sample in one stream', { skip: cleaned.leftOut }, async (t) => {
  const stack = await openTestStack(t, { queue: 'postgres' });
  const events = parseLines<CleanedEvent>(gunzipSync(readFileSync(cleaned.file)).toString()).map(toAlbionEvent);
  const stream = events.map((event) => JSON.stringify(event)).join('\n');

  const answer = await post(stack, 'americas', stream);
  assert.deepEqual([answer.accepted, answer.duplicates, answer.rejectedCount], [events.length, 0, 0]);
  await untilStored(stack, events.length);
  await assertTotals(stack, 'americas', events);
  const batch = await stack.client.GET('/batches/{id}', { params: { path: { id: answer.batchIds[0] ?? '' } } });
  assert.deepEqual([batch.data?.total, batch.data?.applied, batch.data?.queued], [events.length, events.length, 0]);
});

/** The sample is not the API's shape and mostly lacks player ids: the name stands in for the id. */
interface CleanedEvent {
  id: string | number;
  timestamp: string;
  totalFame: number;
  killer: string;
  killerGuild: string;
  victim: string;
  victimGuild: string;
}

function toAlbionEvent(event: CleanedEvent) {
  return {
    EventId: Number(event.id),
    TimeStamp: event.timestamp,
    TotalVictimKillFame: event.totalFame,
    Killer: { Id: event.killer, Name: event.killer, GuildName: event.killerGuild },
    Victim: { Id: event.victim, Name: event.victim, GuildName: event.victimGuild },
  };
}

interface BulkAnswer {
  accepted: number;
  duplicates: number;
  rejectedCount: number;
  batchIds: string[];
}

async function post({ url }: TestStack, server: string, body: string): Promise<BulkAnswer> {
  const type = body.startsWith('[') || !body.includes('\n') ? 'application/json' : 'application/x-ndjson';
  const response = await fetch(`${url}/killboard/events?server=${server}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  assert.equal(response.status, 202, await response.clone().text());
  return (await response.json()) as BulkAnswer;
}

async function untilStored({ database }: TestStack, count: number): Promise<void> {
  await until(`${count} events are stored`, async () => {
    const { rows } = await database.pool.query<{ stored: number }>(
      'SELECT count(*)::int AS stored FROM killboard_events',
    );
    return rows[0]?.stored === count;
  });
}

async function assertTotals(
  { client, database }: TestStack,
  server: 'americas' | 'europe' | 'asia',
  events: AlbionEvent[],
) {
  const expected = new Map<string, { kills: number; deaths: number; killFame: number; deathFame: number }>();
  const of = (id: string) => {
    const totals = expected.get(id) ?? { kills: 0, deaths: 0, killFame: 0, deathFame: 0 };
    expected.set(id, totals);
    return totals;
  };
  for (const { Killer, Victim, TotalVictimKillFame } of events) {
    of(Killer.Id).kills += 1;
    of(Killer.Id).killFame += TotalVictimKillFame;
    of(Victim.Id).deaths += 1;
    of(Victim.Id).deathFame += TotalVictimKillFame;
  }
  const { rows } = await database.pool.query(
    `SELECT id, kills, deaths, kill_fame::float8 AS "killFame", death_fame::float8 AS "deathFame"
     FROM players WHERE server = $1`,
    [server],
  );
  assert.deepEqual(new Map(rows.map(({ id, ...totals }) => [id, totals])), expected);
  if (events.length === 184) {
    assert.equal(
      rows.reduce((sum, { killFame }) => sum + killFame, 0),
      24_383_537,
    );
  }
  const [[id, totals] = ['', {}]] = [...expected];
  const { data } = await client.GET('/killboard/players/{server}/{id}', { params: { path: { server, id } } });
  assert.deepEqual({ ...data, ...totals }, data);
}

function parseLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
