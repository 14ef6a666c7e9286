import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClassifiedError } from '@killfeed/db';
import { apply, commands, failingWith, gate, refusing, serverError, watch } from './group-commit.test-support.js';

const all = (pushed: Promise<string>[]) => Promise.all(pushed);

describe('gathering', () => {
  test('commits at once when nothing else is out', async () => {
    const { committer, commits } = watch(apply);
    assert.equal(await committer.push('k1'), 'applied k1');
    assert.deepEqual(commits, [{ batch: ['k1'], attempt: 1 }]);
  });

  test('commits what is pushed in one go as one batch', async () => {
    const { committer, commits } = watch(apply);
    await all(commands(3).map(committer.push));
    assert.deepEqual(
      commits.map(({ batch }) => batch),
      [['k1', 'k2', 'k3']],
    );
  });

  test('gathers while a commit is out', async () => {
    const { opened, open } = gate();
    const { committer, commits } = watch(async (batch, attempt) => {
      if (batch.includes('k1')) await opened;
      return apply(batch, attempt);
    });
    const first = committer.push('k1');
    await Promise.resolve();
    const rest = ['k2', 'k3'].map(committer.push);
    await Promise.resolve();
    assert.equal(commits.length, 1);
    assert.equal(committer.pending, 3);
    open();
    await all([first, ...rest]);
    assert.deepEqual(
      commits.map(({ batch }) => batch),
      [['k1'], ['k2', 'k3']],
    );
    assert.equal(committer.pending, 0);
  });

  test('never commits more than batchMax at a time', async () => {
    const { committer, commits } = watch(apply, { batchMax: 10 });
    await all(commands(25).map(committer.push));
    assert.deepEqual(
      commits.map(({ batch }) => batch.length),
      [10, 10, 5],
    );
  });

  test('gives each command its own outcome, in order, and only after its commit', async () => {
    const { opened, open } = gate();
    const { committer } = watch(async (batch, attempt) => {
      await opened;
      return apply(batch, attempt);
    });
    const settled: string[] = [];
    const pushed = commands(5).map(async (command) => settled.push(await committer.push(command)));
    await new Promise(setImmediate);
    assert.deepEqual(settled, []);
    open();
    await Promise.all(pushed);
    assert.deepEqual(
      settled,
      commands(5).map((command) => `applied ${command}`),
    );
  });

  test('tells the size and the time of every commit that passed', async () => {
    const told: number[] = [];
    const { committer } = watch(failingWith(serverError('40P01')), {
      onCommit: (count, durationMs) => told.push(count, Math.sign(durationMs)),
    });
    await all(commands(4).map(committer.push));
    assert.deepEqual(told, [4, 1]);
  });
});

describe('failures that may pass', () => {
  for (const [kind, error] of [
    ['never ran', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })],
    ['rolled back', serverError('40P01')],
    ['unknown', new Error('Connection terminated unexpectedly')],
    ['fatal: no such table', serverError('42P01')],
    ['fatal: wrong password', serverError('28P01')],
  ] as const) {
    test(`tries the same batch again until it passes (${kind})`, async () => {
      const { committer, commits, buried } = watch(failingWith(error, error, error));
      const outcomes = await all(commands(3).map(committer.push));
      assert.deepEqual(
        outcomes,
        commands(3).map((command) => `applied ${command}`),
      );
      assert.deepEqual(
        commits,
        [1, 2, 3, 4].map((attempt) => ({ batch: commands(3), attempt })),
      );
      assert.deepEqual(buried, []);
    });
  }

  test('reports each try that failed, with its class', async () => {
    const told: [ClassifiedError, number][] = [];
    const { committer } = watch(failingWith(serverError('40P01'), serverError('57P01')), {
      onRetry: (error, attempt) => told.push([error, attempt]),
    });
    await committer.push('k1');
    assert.deepEqual(
      told.map(([{ class: outcome, sqlState }, attempt]) => [outcome, sqlState, attempt]),
      [
        ['rolled_back', '40P01', 1],
        ['unknown', '57P01', 2],
      ],
    );
  });

  test('takes no second batch while the first is being tried again', async () => {
    const { opened, open } = gate();
    const failing = failingWith(serverError('57P03'));
    const { committer, commits } = watch(async (batch, attempt) => {
      if (attempt === 2) await opened;
      return failing(batch, attempt);
    });
    const first = committer.push('k1');
    while (commits.length < 2) await new Promise(setImmediate);
    const second = committer.push('k2');
    open();
    await all([first, second]);
    assert.deepEqual(
      commits.map(({ batch }) => batch),
      [['k1'], ['k1'], ['k2']],
    );
  });
});

describe('rival commits of one id', () => {
  const rival = () => serverError('23505');

  test('tries the whole batch again, for the winner is there by then', async () => {
    const { committer, commits, buried } = watch(failingWith(rival(), rival()));
    await all(commands(8).map(committer.push));
    assert.deepEqual(
      commits.map(({ batch }) => batch.length),
      [8, 8, 8],
    );
    assert.deepEqual(buried, []);
  });

  test('puts a command away whose unique violation does not pass, after three tries', async () => {
    const { committer, buried } = watch(refusing(['k1'], rival));
    assert.equal(await committer.push('k1'), 'dead k1');
    assert.deepEqual(
      buried.map(({ error, attempts }) => [error.sqlState, attempts]),
      [['23505', 3]],
    );
  });

  test('gives a command its three tries also after its batch was halved', async () => {
    let alone = 0;
    const { committer, buried } = watch(async (batch, attempt) => {
      if (batch.includes('k3') && (batch.length > 1 || ++alone < 3)) throw rival();
      return apply(batch, attempt);
    });
    await all(commands(16).map(committer.push));
    assert.equal(alone, 3);
    assert.deepEqual(buried, []);
  });
});
