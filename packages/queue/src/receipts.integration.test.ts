import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Accepted } from '@killfeed/domain';
import type { Receipts } from './receipts.js';
import {
  createMemoryReceipts,
  idOf,
  leftOut,
  newEvent,
  newKill,
  openTestQueue,
  QUEUES,
  until,
} from './test-support.js';

const EVER = new Date(Date.now() + 3_600_000);

// The one in memory stands in for them elsewhere, so it has to keep the same promises.
for (const kind of [...QUEUES, 'memory'] as const) {
  describe(`receipts (${kind})`, { skip: kind === 'memory' ? false : await leftOut(kind) }, () => {
    let receipts: Receipts;
    let close = async () => {};
    before(async () => {
      if (kind === 'memory') {
        receipts = createMemoryReceipts();
        return;
      }
      const queue = await openTestQueue(kind);
      receipts = queue.backend.receipts;
      close = queue.close;
    });
    after(() => close());

    const isUnqueued = async (id: string) =>
      (await receipts.listUnqueued(EVER, 1_000_000)).some((each) => idOf(each) === id);

    test('reserves what is free, and tells who holds the rest', async () => {
      const [kill, other] = [newKill(), newKill()];
      assert.deepEqual(await receipts.reserve([kill]), [{ state: 'new' }]);
      assert.deepEqual(await receipts.reserve([other, kill]), [
        { state: 'new' },
        { state: 'reserved', payloadHash: 'hash' },
      ]);
      const rival = { ...kill, payloadHash: 'another' };
      assert.deepEqual(await receipts.reserve([rival]), [{ state: 'reserved', payloadHash: 'hash' }]);
      await receipts.markQueued([idOf(kill)]);
      assert.deepEqual(await receipts.reserve([rival]), [{ state: 'queued', payloadHash: 'hash' }]);
      assert.deepEqual(await receipts.find(idOf(kill)), kill);
    });

    test('answers in the order in which it was asked, whatever the order of the ids', async () => {
      const kills = Array.from({ length: 50 }, () => newKill());
      const known = kills.filter((_, index) => index % 3 === 0).map((kill) => ({ ...kill, payloadHash: idOf(kill) }));
      await receipts.reserve(known);
      const expected = kills.map((kill, index) =>
        index % 3 === 0 ? { state: 'reserved', payloadHash: idOf(kill) } : { state: 'new' },
      );
      assert.deepEqual(await receipts.reserve(kills), expected);
    });

    test('gives an id to one of many who reserve it at once', async () => {
      for (const size of [1, 20]) {
        const kills = Array.from({ length: size }, () => newKill());
        // Each in an order of its own, as rival API processes would.
        const answers = await Promise.all(
          Array.from({ length: 20 }, async (_, shift) => {
            const order = [...kills.slice(shift % size), ...kills.slice(0, shift % size)];
            const reservations = await receipts.reserve(order);
            return order.filter((_, index) => reservations[index]?.state === 'new').map(idOf);
          }),
        );
        assert.deepEqual(answers.flat().sort(), kills.map(idOf).sort());
      }
    });

    test('finds what was accepted as it was accepted', async () => {
      const kill = { ...newKill({ enemyType: 'ORC', occurredAt: '2026-01-01T00:00:00+02:00' }), batchId: randomUUID() };
      const event = newEvent(100);
      await receipts.reserve([kill, event]);
      assert.deepEqual(await receipts.find(idOf(kill)), kill);
      assert.deepEqual(await receipts.find(idOf(event)), event);
      assert.equal(await receipts.find(randomUUID()), null);
    });

    test('keeps text of any script and spaces', async () => {
      const event = newEvent(0);
      const odd = { ...event, command: { ...event.command, event: { note: 'é 開 𝄞 \\ " \n \t', ' a b ': '' } } };
      await receipts.reserve([odd]);
      assert.deepEqual(await receipts.find(idOf(odd)), odd);
    });

    test('drops what is settled, and the id is free again', async () => {
      const [kill, stays] = [newKill(), newKill()];
      await receipts.reserve([kill, stays]);
      await receipts.drop([idOf(kill), randomUUID()]);
      assert.equal(await receipts.find(idOf(kill)), null);
      assert.equal(await isUnqueued(idOf(kill)), false);
      assert.deepEqual(await receipts.find(idOf(stays)), stays);
      // The news that a job carries it may come after the drop.
      await receipts.markQueued([idOf(kill)]);
      assert.deepEqual(await receipts.reserve([kill]), [{ state: 'new' }]);
    });

    test('tells which ids are held', async () => {
      const kills = [newKill(), newKill(), newKill()];
      await receipts.reserve(kills);
      await receipts.drop(kills.slice(0, 1).map(idOf));
      await receipts.markQueued(kills.slice(1, 2).map(idOf));
      const held = await receipts.findHeld([...kills.map(idOf), randomUUID()]);
      assert.deepEqual(held, new Set(kills.slice(1).map(idOf)));
      assert.deepEqual(await receipts.findHeld([]), new Set());
    });

    test('lists what no job carries, the oldest first, until it is marked', async () => {
      const kills: Accepted[] = [];
      for (let n = 0; n < 3; n += 1) {
        const kill = newKill();
        await receipts.reserve([kill]);
        kills.push(kill);
        await until('the clock moves on', async () => Date.now() > Date.parse(kill.acceptedAt) + 1);
      }
      const listed = async () =>
        (await receipts.listUnqueued(EVER, 1_000_000)).filter((each) => kills.map(idOf).includes(idOf(each)));
      assert.deepEqual(await listed(), kills);
      assert.equal((await receipts.listUnqueued(EVER, 2)).length, 2);
      assert.deepEqual(await receipts.listUnqueued(new Date(Date.now() - 3_600_000), 10), []);
      await receipts.markQueued(kills.slice(0, 2).map(idOf));
      assert.deepEqual(await listed(), kills.slice(2));
    });

    test('takes none and a thousand', async () => {
      assert.deepEqual(await receipts.reserve([]), []);
      for (const nothing of [() => receipts.drop([]), () => receipts.markQueued([])]) await nothing();
      const kills = Array.from({ length: 1000 }, () => newKill());
      assert.equal((await receipts.reserve(kills)).filter(({ state }) => state === 'new').length, 1000);
      assert.equal((await receipts.findHeld(kills.map(idOf))).size, 1000);
      await receipts.markQueued(kills.map(idOf));
      await receipts.drop(kills.map(idOf));
      assert.equal((await receipts.findHeld(kills.map(idOf))).size, 0);
    });
  });
}
