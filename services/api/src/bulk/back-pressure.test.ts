import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { type AppOptions, buildApp } from '../app.js';
import type { BatchItem, Intake } from '../intake.js';
import { newKills, toLines } from '../outage.test-support.js';
import { until } from '../testing.js';
import { postStream } from './streams.test-support.js';

const MIB = 1024 * 1024;

describe('a stream and its queue', () => {
  /** The API on a queue that takes what it is given when `takeBatch` lets it. */
  async function listenOn(t: TestContext, takeBatch: (items: readonly BatchItem[]) => Promise<void>): Promise<number> {
    const intake = {
      whenBatchCounts: async () => {},
      async takeBatch(items: readonly BatchItem[]) {
        await takeBatch(items);
        return items.map(() => ({ status: 'accepted' }));
      },
    } as unknown as Intake;
    const checks = { version: '0', isDraining: () => false };
    const app = await buildApp({ intake, checks, combatWaitMs: 0 } as AppOptions);
    t.after(() => app.close());
    await app.listen({ port: 0, host: '127.0.0.1' });
    return (app.server.address() as AddressInfo).port;
  }

  test('reads no faster than the queue takes it', async (t) => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    t.after(() => release());
    let taken = 0;
    const port = await listenOn(t, async (items) => {
      await released;
      taken += items.length;
    });
    const lines = Buffer.from(toLines(newKills(1000)));
    let sent = 0;
    function* body() {
      for (; sent < 40 * MIB; sent += lines.length) yield lines;
    }
    const answered = postStream(port, body());

    await untilStill(() => sent);
    // One chunk of items, and what the two sockets hold between them.
    assert.ok(sent < 16 * MIB, `${Math.round(sent / MIB)} of 40 MiB are sent`);
    assert.equal(taken, 0);
    release();
    const { status, answer } = await answered;
    assert.deepEqual([status, answer.accepted, taken], [202, taken, (sent / lines.length) * 1000]);
  });

  test('hands over 500 items at a time, or 1 MiB of them', async (t) => {
    const pieces: number[] = [];
    const port = await listenOn(t, async (items) => {
      pieces.push(items.length);
    });
    await postStream(port, [Buffer.from(toLines(newKills(1200)))]);
    assert.deepEqual(pieces.splice(0), [500, 500, 200]);
    const player = { Id: 'a', Name: 'Ada' };
    const event = {
      EventId: 1,
      TimeStamp: '2024-08-18T20:11:12Z',
      TotalVictimKillFame: 0,
      Killer: player,
      Victim: player,
    };
    const line = `${JSON.stringify({ ...event, Inventory: 'x'.repeat(400_000) })}\n`;
    await postStream(port, Array(7).fill(Buffer.from(line)), '/killboard/events');
    assert.deepEqual(pieces, [3, 3, 1]);
  });
});

async function untilStill(read: () => number): Promise<void> {
  let last = -1;
  let looks = 0;
  await until('nothing moves any more', async () => {
    looks = read() === last && last > 0 ? looks + 1 : 0;
    last = read();
    return looks >= 20;
  });
}
