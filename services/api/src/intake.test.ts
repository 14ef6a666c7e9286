import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Ledger, SettledKillReceipt, SettledReader } from '@killfeed/db';
import type { Accepted } from '@killfeed/domain';
import type { EnqueueResult, JobCompletion, Producer, Receipts } from '@killfeed/queue';
import { createIntake } from './intake.js';
import { Problem } from './problem.js';

const ID = randomUUID();
const never = () => new Promise<never>(() => {});
const away = () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));

const settledKill = { id: ID, status: 'applied' } as SettledKillReceipt;
const accepted: Accepted = {
  command: { type: 'KillEnemy', id: ID, heroId: ID, enemyId: ID },
  payloadHash: 'hash',
  acceptedAt: '2026-01-01T00:00:00.000Z',
};

interface Stubs {
  readonly find?: Receipts['find'];
  readonly findKills?: SettledReader['findKills'];
  readonly wait?: JobCompletion['wait'];
  readonly whenStored?: Ledger['whenStored'];
  readonly isFailing?: boolean;
  readonly results?: EnqueueResult[];
}

function openTestIntake(stubs: Stubs = {}) {
  const appended: { ids: readonly string[]; batchId?: string }[] = [];
  const intake = createIntake({
    producer: { enqueue: async () => stubs.results ?? [{ status: 'accepted' }] } as unknown as Producer,
    receipts: { find: stubs.find ?? (async () => null) } as Receipts,
    completion: { wait: stubs.wait ?? (async () => {}) } as JobCompletion,
    settled: { findKills: stubs.findKills ?? (async () => new Map()) } as SettledReader,
    ledger: {
      append: async (entry: { ids: readonly string[] }) => {
        appended.push(entry);
      },
      whenStored: stubs.whenStored ?? (async () => {}),
      isFailing: stubs.isFailing ?? false,
    } as unknown as Ledger,
  });
  return { intake, appended };
}

const takesMs = async (work: Promise<unknown>) => {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
};

describe('a receipt', () => {
  test('is the outcome, where there is one, whatever the queue holds or says', async () => {
    const findKills = async () => new Map([[ID, settledKill]]);
    for (const find of [async () => accepted, async () => null, away]) {
      assert.equal(await openTestIntake({ find, findKills }).intake.findReceipt(ID), settledKill);
    }
  });

  test('is queued, where the queue holds it, also while the database is away', async () => {
    for (const findKills of [async () => new Map(), away]) {
      const receipt = await openTestIntake({ find: async () => accepted, findKills }).intake.findReceipt(ID);
      assert.equal(receipt?.status, 'queued');
    }
  });

  test('is none, where both say so', async () => {
    assert.equal(await openTestIntake().intake.findReceipt(ID), null);
  });

  test('is not called none while one of them cannot be asked', async () => {
    await assert.rejects(openTestIntake({ findKills: away }).intake.findReceipt(ID), /connect/);
    const isQueueProblem = (error: unknown) => error instanceof Problem && error.code === 'queue_unavailable';
    await assert.rejects(openTestIntake({ find: away }).intake.findReceipt(ID), isQueueProblem);
  });

  test('is looked for in the queue first, for the worker drops it there after its commit', async () => {
    let isSettled = false;
    const find = async () => {
      isSettled = true;
      return null;
    };
    const findKills = async () => new Map(isSettled ? [[ID, settledKill]] : []);
    assert.equal(await openTestIntake({ find, findKills }).intake.findReceipt(ID), settledKill);
  });

  test('is asked for together with others', async () => {
    const asked: (readonly string[])[] = [];
    const findKills = async (ids: readonly string[]) => {
      asked.push(ids);
      return new Map([[ID, settledKill]]);
    };
    const { intake } = openTestIntake({ findKills });
    await Promise.all([intake.findReceipt(ID), intake.findReceipt(randomUUID()), intake.findReceipt(randomUUID())]);
    assert.deepEqual(
      asked.map((ids) => ids.length),
      [3],
    );
  });
});

describe('waiting for an outcome', () => {
  test('ends with it as soon as the job has ended', async () => {
    const { intake } = openTestIntake({ findKills: async () => new Map([[ID, settledKill]]) });
    assert.equal(await intake.waitForOutcome(ID, 'job', 60_000), settledKill);
  });

  test('looks now and then, should the news of the job get lost', async () => {
    let looks = 0;
    const findKills = async () => {
      looks += 1;
      return new Map(looks === 3 ? [[ID, settledKill]] : []);
    };
    assert.equal(await openTestIntake({ findKills }).intake.waitForOutcome(ID, undefined, 60_000), settledKill);
  });

  for (const [name, findKills] of Object.entries({ 'has no outcome': async () => new Map(), 'is away': away })) {
    test(`gives up in time and does not turn without rest when the job has ended and the database ${name}`, async () => {
      let looks = 0;
      const counted = () => {
        looks += 1;
        return findKills();
      };
      const { intake } = openTestIntake({ findKills: counted });
      const ms = await takesMs(intake.waitForOutcome(ID, 'job', 200).then((receipt) => assert.equal(receipt, null)));
      assert.ok(ms >= 199 && ms < 1000, `${ms} ms`);
      assert.ok(looks <= 10, `${looks} looks`);
    });
  }

  test('fails with what is no outage', async () => {
    const findKills = () => Promise.reject(new TypeError('a bug'));
    await assert.rejects(openTestIntake({ findKills }).intake.waitForOutcome(ID, 'job', 1000), /a bug/);
  });
});

describe('a batch', () => {
  test('counts before its answer is sent', async () => {
    let isStored = false;
    const whenStored = () =>
      new Promise<void>((resolve) => {
        setImmediate(() => {
          isStored = true;
          resolve();
        });
      });
    await openTestIntake({ whenStored }).intake.whenBatchCounts(ID, 1);
    assert.equal(isStored, true);
  });

  test('does not hold up its answer for long when the ledger hangs, nor at all when it is known to fail', async () => {
    const ms = await takesMs(openTestIntake({ whenStored: never }).intake.whenBatchCounts(ID, 1));
    assert.ok(ms < 1000, `${ms} ms`);
    assert.ok(
      (await takesMs(openTestIntake({ whenStored: never, isFailing: true }).intake.whenBatchCounts(ID, 1))) < 100,
    );
  });

  test('is written down once, also when there is nothing new in it', async () => {
    const { intake, appended } = openTestIntake({ results: [{ status: 'queued' }] });
    await intake.takeBatch([{ command: accepted.command, payloadHash: 'hash' }], ID);
    await intake.takeBatch([{ command: accepted.command, payloadHash: 'hash' }], ID);
    await intake.whenBatchCounts(ID, 0);
    assert.deepEqual(
      appended.map(({ ids, batchId }) => [ids, batchId]),
      [[[], ID]],
    );
    const fresh = openTestIntake();
    await fresh.intake.takeBatch([{ command: accepted.command, payloadHash: 'hash' }], ID);
    await fresh.intake.whenBatchCounts(ID, 1);
    assert.deepEqual(fresh.appended, []);
  });
});
