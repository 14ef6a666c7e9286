import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Accepted } from '@killfeed/domain';
import type { KillsJob, QueueBackend } from '@killfeed/queue';
import type { Settler } from './settle.js';
import { startKillsWorker } from './worker.js';

function kill(): Accepted {
  const [id, heroId, enemyId] = [randomUUID(), randomUUID(), randomUUID()];
  return { command: { type: 'KillEnemy', id, heroId, enemyId }, payloadHash: 'h', acceptedAt: '2026-11-21T10:00:00Z' };
}

/** The worker's processor, as BullMQ would call it, and the ids whose receipts it dropped. */
function open(settle: Settler['settle'], drop: () => Promise<void> = async () => {}) {
  const dropped: string[] = [];
  let process: ((job: KillsJob) => Promise<void>) | undefined;
  const backend = {
    receipts: {
      async drop(ids: string[]) {
        await drop();
        dropped.push(...ids);
      },
    },
    async openWorker(processor: (job: KillsJob) => Promise<void>) {
      process = processor;
    },
  } as unknown as QueueBackend;
  startKillsWorker({ backend, settler: { settle }, concurrency: 1 });
  assert.ok(process);
  return { process, dropped };
}

const applied: Settler['settle'] = async ({ command }) => ({ status: 'duplicate', id: command.id });

describe('a job', () => {
  test('ends when all its commands are settled, and drops their receipts', async () => {
    const accepted = [kill(), kill()];
    const { process, dropped } = open(applied);
    await process({ version: 1, accepted });
    assert.deepEqual(
      dropped,
      accepted.map(({ command }) => command.id),
    );
  });

  test('fails, receipts kept, when one of its commands could not be settled', async () => {
    const [good, bad] = [kill(), kill()];
    const { process, dropped } = open(async (accepted) => {
      if (accepted === bad) throw new Error('could not even be buried');
      return applied(accepted);
    });
    await assert.rejects(process({ version: 1, accepted: [good, bad] }), /could not even be buried/);
    assert.deepEqual(dropped, []);
  });

  // It must not end: nobody else would drop them.
  test('fails when its receipts cannot be dropped', async () => {
    const { process } = open(applied, async () => {
      throw new Error('queue away');
    });
    await assert.rejects(process({ version: 1, accepted: [kill()] }), /queue away/);
  });

  test('of another version fails, untouched', async () => {
    const { process, dropped } = open(() => assert.fail('it was settled'));
    await assert.rejects(process({ version: 2 as 1, accepted: [kill()] }), /version 2/);
    assert.deepEqual(dropped, []);
  });
});
