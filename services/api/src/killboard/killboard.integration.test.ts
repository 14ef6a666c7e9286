import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leftOut, openTestApi, QUEUES, type TestApi } from '../testing.js';

let lastEventId = 1_000_000;

for (const queue of QUEUES) {
  describe(`killboard events (${queue})`, { skip: await leftOut(queue) }, () => {
    let api: TestApi;
    before(async () => {
      api = await openTestApi(queue);
    });
    after(() => api.close());
    const post = (payload: object | string, server?: string) =>
      api.app.inject({
        method: 'POST',
        url: `/killboard/events${server === undefined ? '' : `?server=${server}`}`,
        headers: { 'content-type': typeof payload === 'string' ? 'application/x-ndjson' : 'application/json' },
        payload,
      });
    const get = (url: string) => api.app.inject(`/killboard/${url}`);

    test('stores one event, an array and a stream, each with its batch', async () => {
      const events = Array.from({ length: 5 }, () => newEvent());
      const [single, ...more] = events;
      assert.ok(single);
      const bodies = [
        single,
        more.slice(0, 2),
        `${more
          .slice(2)
          .map((each) => JSON.stringify(each))
          .join('\r\n')}\n`,
      ];
      for (const [index, body] of bodies.entries()) {
        const answer = await post(body);
        assert.equal(answer.statusCode, 202);
        assert.equal(answer.json().accepted, [1, 2, 2][index]);
        const batch = (await api.app.inject(answer.json().statusUrl)).json();
        assert.deepEqual([batch.total, batch.queued], [answer.json().accepted, answer.json().accepted]);
      }
      await api.settleAll();
      for (const { EventId } of events) assert.equal((await get(`events/americas/${EventId}`)).statusCode, 200);
    });

    test('returns an event as it was received, without LifetimeStatistics', async () => {
      const event = newEvent({ Location: null, Extra: { list: [1.5, '', null, '開𝄞'], deep: [[[{}]]] } });
      await post(event, 'europe');
      await api.settleAll();
      const stored = await get(`events/europe/${event.EventId}`);
      const expected = JSON.parse(
        JSON.stringify(event, (key, value) => (key === 'LifetimeStatistics' ? undefined : value)),
      );
      assert.deepEqual(stored.json(), expected);
      assert.match(String(stored.headers['content-type']), /^application\/json/);
    });

    test('counts a repeat as a duplicate, queued or stored, whatever it carries by then', async () => {
      const event = newEvent();
      assert.equal((await post([event, event])).json().duplicates, 1);
      const whileQueued = (await post(event)).json();
      assert.deepEqual([whileQueued.accepted, whileQueued.duplicates], [0, 1]);
      await api.settleAll();
      const stored = await post({ ...event, TotalVictimKillFame: 9, KillArea: 'ELSEWHERE' });
      assert.deepEqual([stored.statusCode, stored.json().accepted, stored.json().duplicates], [202, 0, 1]);
      await api.settleAll();
      assert.equal(
        (await get(`events/americas/${event.EventId}`)).json().TotalVictimKillFame,
        event.TotalVictimKillFame,
      );
    });

    test('takes the same EventId on two servers for two events', async () => {
      const event = newEvent();
      for (const server of ['americas', 'asia']) assert.equal((await post(event, server)).json().accepted, 1);
      await api.settleAll();
      for (const server of ['americas', 'asia']) {
        assert.equal((await get(`events/${server}/${event.EventId}`)).statusCode, 200);
        assert.equal((await get(`players/${server}/${event.Killer.Id}`)).json().kills, 1);
      }
      assert.equal((await get(`events/europe/${event.EventId}`)).statusCode, 404);
    });

    test('adds up a player over its kills and deaths, and shows it as it was last seen', async () => {
      const [ada, bob] = [newPlayer(), newPlayer()];
      const at = (TimeStamp: string, TotalVictimKillFame: number, Killer: Player, Victim: Player) =>
        newEvent({ TimeStamp, TotalVictimKillFame, Killer, Victim });
      await post([
        at('2024-08-18T12:00:00.000000100Z', 1000, { ...ada, GuildName: 'New', AllianceName: '' }, bob),
        at('2024-08-18T10:00:00Z', 31_045_461, { ...ada, GuildName: 'Old' }, bob),
        at('2024-08-18T11:00:00Z', 0, bob, { ...ada, GuildName: 'Middle' }),
      ]);
      await api.settleAll();
      assert.deepEqual((await get(`players/americas/${ada.Id}`)).json(), {
        server: 'americas',
        id: ada.Id,
        name: ada.Name,
        guild: 'New',
        alliance: null,
        kills: 2,
        deaths: 1,
        killFame: 31_046_461,
        deathFame: 0,
        ratio: 2,
        firstSeen: '2024-08-18T10:00:00.000Z',
        lastSeen: '2024-08-18T12:00:00.000Z',
      });
      assert.deepEqual([(await get(`players/americas/${bob.Id}`)).json().ratio], [0.5]);
    });

    test('rejects a bad event by its EventId, and takes the others', async () => {
      const events = [
        newEvent(),
        newEvent({ Victim: null }),
        newEvent({ KillArea: 'a\0b' }),
        newEvent({ Extra: 'deep' }),
      ];
      // By hand: JSON.stringify itself runs out of stack here.
      const lines = events.map((event) => JSON.stringify(event).replace('"deep"', '['.repeat(9000) + ']'.repeat(9000)));
      const { accepted, rejected } = (await post(lines.join('\n'))).json();
      assert.equal(accepted, 1);
      assert.deepEqual(
        rejected.map(({ index, eventId, code }: { index: number; eventId: number; code: string }) => [
          index,
          eventId,
          code,
        ]),
        [1, 2, 3].map((index) => [index, events[index]?.EventId, 'validation_failed']),
      );
      await api.settleAll();
      assert.deepEqual(await api.countQueued(), { jobs: 0, receipts: 0 });
    });

    test('takes an array of a thousand events, 10 MB, and refuses one of 17 MB', async () => {
      const events = Array.from({ length: 1000 }, () => newEvent({ Inventory: 'x'.repeat(10_000) }));
      assert.equal((await post(events)).json().accepted, 1000);
      await api.settleAll();
      const tooLarge = await post([newEvent({ Inventory: 'x'.repeat(17 * 1024 * 1024) })]);
      assert.deepEqual([tooLarge.statusCode, tooLarge.json().code], [413, 'body_too_large']);
    });

    test('answers 4xx to an unknown server, a bad key, and what is not stored', async () => {
      for (const [url, status] of [
        ['events/mars/1', 400],
        ['events/americas/0', 400],
        ['events/americas/1.5', 400],
        ['events/americas/abc', 400],
        ['events/americas/99999999999999999999', 400],
        ['events/americas/9007199254740991', 404],
        ['players/mars/x', 400],
        ['players/americas/nobody', 404],
        ['players/americas/%00', 404],
        [`players/americas/${'x'.repeat(201)}`, 400],
        [`players/americas/${'x'.repeat(2000)}`, 400],
        ['players/americas/%E0%A4%A', 400],
      ] as const) {
        const answer = await get(url);
        assert.equal(answer.statusCode, status, url);
        assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
      }
      const wrongServer = await post(newEvent(), 'mars');
      assert.deepEqual([wrongServer.statusCode, wrongServer.json().code], [400, 'validation_failed']);
    });
  });
}

type Player = ReturnType<typeof newPlayer>;

function newPlayer() {
  lastEventId += 1;
  return {
    Id: `player-${lastEventId}`,
    Name: `Name${lastEventId}`,
    GuildName: 'Wolves',
    AllianceName: 'WLF',
    LifetimeStatistics: { PvE: { Total: 0 } },
  };
}

function newEvent(more: object = {}) {
  const [Killer, Victim] = [newPlayer(), newPlayer()];
  lastEventId += 1;
  return {
    EventId: lastEventId,
    TimeStamp: '2024-08-18T20:11:12.123456800Z',
    TotalVictimKillFame: 1234,
    Killer,
    Victim,
    Participants: [newPlayer()],
    ...more,
  };
}
