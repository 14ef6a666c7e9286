import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apply, commands, refusing, serverError, watch } from './group-commit.test-support.js';

describe('commands that cannot be applied', () => {
  test('applies the other 99 when one of 100 cannot be stored', async () => {
    const { committer, buried } = watch(refusing(['k42']));
    const outcomes = await Promise.all(commands(100).map(committer.push));
    assert.deepEqual(
      outcomes,
      commands(100).map((command) => (command === 'k42' ? 'dead k42' : `applied ${command}`)),
    );
    assert.equal(buried.length, 1);
    assert.deepEqual(buried[0]?.error, { class: 'data', sqlState: '22003', message: 'error 22003' });
  });

  test('says how often the command was tried, alone and in company', async () => {
    const { committer, commits, buried } = watch(refusing(['k42']));
    await Promise.all(commands(100).map(committer.push));
    const tries = commits.filter(({ batch }) => batch.includes('k42'));
    assert.equal(buried[0]?.attempts, tries.length);
    assert.deepEqual(
      tries.map(({ attempt }) => attempt),
      tries.map((_, index) => index + 1),
    );
  });

  test('finds two of them', async () => {
    const { committer, buried } = watch(refusing(['k1', 'k77']));
    const outcomes = await Promise.all(commands(100).map(committer.push));
    assert.equal(outcomes.filter((outcome) => outcome.startsWith('applied')).length, 98);
    assert.deepEqual(
      buried.map(({ command }) => command),
      ['k1', 'k77'],
    );
  });

  test('puts all of them away where none can be stored', async () => {
    const { committer, buried } = watch(refusing(commands(9)));
    const outcomes = await Promise.all(commands(9).map(committer.push));
    assert.deepEqual(
      outcomes,
      commands(9).map((command) => `dead ${command}`),
    );
    assert.equal(buried.length, 9);
  });

  test('applies no command twice on the way to the culprit', async () => {
    const applied: string[] = [];
    const { committer } = watch(async (batch, attempt) => {
      if (batch.includes('k13')) throw serverError('23514');
      applied.push(...batch);
      return apply(batch, attempt);
    });
    await Promise.all(commands(50).map(committer.push));
    assert.deepEqual(
      applied.toSorted(),
      commands(50)
        .filter((command) => command !== 'k13')
        .toSorted(),
    );
  });

  test('puts away the command that trips a bug of ours', async () => {
    const { committer, buried } = watch(refusing(['k2'], () => new TypeError('undefined is not a function')));
    const outcomes = await Promise.all(commands(3).map(committer.push));
    assert.deepEqual(outcomes, ['applied k1', 'dead k2', 'applied k3']);
    assert.deepEqual(
      buried.map(({ error }) => [error.class, error.sqlState, error.message]),
      [['bug', undefined, 'undefined is not a function']],
    );
  });

  test('goes on looking for the culprit after failures that pass', async () => {
    let commitsSeen = 0;
    const { committer, buried } = watch(async (batch, attempt) => {
      if (++commitsSeen % 2 === 0) throw serverError('40001');
      return refusing(['k5'])(batch, attempt);
    });
    const outcomes = await Promise.all(commands(10).map(committer.push));
    assert.equal(outcomes.filter((outcome) => outcome.startsWith('applied')).length, 9);
    assert.deepEqual(
      buried.map(({ command }) => command),
      ['k5'],
    );
  });
});

describe('putting away', () => {
  test('is tried again until it passes', async () => {
    const errors = [serverError('57P03'), serverError('42P01')];
    const { committer, commits, buried } = watch(refusing(['k1']), {
      async bury() {
        if (errors.length > 0) throw errors.shift();
        return '';
      },
    });
    assert.equal(await committer.push('k1'), 'dead k1');
    assert.equal(commits.length, 1);
    assert.equal(buried.length, 1);
  });

  test('where it is refused, hands the error back with this one command and goes on with the others', async () => {
    const { committer } = watch(refusing(['k2']), {
      async bury() {
        throw serverError('22P02', 'invalid id');
      },
    });
    const [first, second, third] = await Promise.allSettled(commands(3).map(committer.push));
    assert.deepEqual([first?.status, third?.status], ['fulfilled', 'fulfilled']);
    assert.ok(second?.status === 'rejected' && second.reason.message === 'invalid id');
    assert.equal(committer.pending, 0);
    assert.equal(await committer.push('k4'), 'applied k4');
  });
});
