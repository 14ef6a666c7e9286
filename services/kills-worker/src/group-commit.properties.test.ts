/**
 * The committer against a model of a database: random pushes, and a fate drawn for every commit. What the model holds
 * in the end is compared with what the callers were told.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createGroupCommit } from './group-commit.js';
import { serverError } from './group-commit.test-support.js';

/**
 * - `lost_answer`: the batch is applied, but the answer does not arrive.
 * - `rival`: another worker has just applied one of these commands; the next try finds its row.
 */
type Fate = 'ok' | 'refused_connection' | 'deadlock' | 'lost_answer' | 'rival';

interface Command {
  readonly id: number;
  readonly poison: boolean;
}

const fates = fc.array(fc.constantFrom<Fate[]>('ok', 'ok', 'refused_connection', 'deadlock', 'lost_answer', 'rival'), {
  maxLength: 40,
});
const bursts = fc.array(
  fc.array(fc.record({ poison: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) }), { maxLength: 12 }),
  {
    minLength: 1,
    maxLength: 6,
  },
);

const ERRORS: Record<Exclude<Fate, 'ok'>, () => Error> = {
  refused_connection: () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  deadlock: () => serverError('40P01'),
  lost_answer: () => new Error('Connection terminated unexpectedly'),
  rival: () => serverError('23505'),
};

describe('any pushes, whatever the database does', () => {
  test('settle each command exactly once, in order, as the callers are told', async () => {
    await fc.assert(
      fc.asyncProperty(bursts, fates, fc.integer({ min: 1, max: 8 }), async (given, drawn, batchMax) => {
        const store = openModelStore(drawn);
        const committer = createGroupCommit<Command, string>({
          batchMax,
          backoffMs: { first: 0, longest: 0 },
          commit: store.commit,
          bury: store.bury,
        });
        let pushed = 0;
        const told: string[] = [];
        const waiting: Promise<void>[] = [];
        for (const burst of given) {
          for (const { poison } of burst) {
            const id = pushed++;
            waiting.push(
              committer.push({ id, poison }).then((outcome) => {
                told.push(`${id} ${outcome}`);
              }),
            );
          }
          await Promise.resolve();
        }
        await Promise.all(waiting);

        assert.equal(committer.pending, 0);
        assert.ok(store.largestBatch <= batchMax);
        assert.deepEqual(
          [...store.settled.keys()].toSorted((a, b) => a - b),
          [...Array(pushed).keys()],
        );
        assert.equal(store.doubles, 0);
        assert.deepEqual(
          told,
          [...Array(pushed).keys()].map((id) => `${id} ${store.settled.get(id)}`),
        );
      }),
      { numRuns: 1000 },
    );
  });
});

// Like PostgreSQL: all of a batch or nothing, and what is applied stays applied however often it comes again.
function openModelStore(drawn: readonly Fate[]) {
  const left = [...drawn];
  const settled = new Map<number, 'applied' | 'dead'>();
  let doubles = 0;
  let largestBatch = 0;
  function applyAll(batch: readonly Command[]): string[] {
    if (batch.some(({ poison }) => poison)) throw serverError('22003');
    for (const { id } of batch) {
      if (settled.get(id) === 'dead') doubles += 1;
      settled.set(id, 'applied');
    }
    return batch.map(() => 'applied');
  }
  return {
    settled,
    get doubles() {
      return doubles;
    },
    get largestBatch() {
      return largestBatch;
    },
    async commit(batch: readonly Command[]): Promise<string[]> {
      largestBatch = Math.max(largestBatch, batch.length);
      const fate = left.shift() ?? 'ok';
      await Promise.resolve();
      const contested = batch.find(({ id, poison }) => !settled.has(id) && !poison);
      if (fate === 'rival' && contested !== undefined) settled.set(contested.id, 'applied');
      else if (fate === 'rival' || fate === 'ok') return applyAll(batch);
      if (fate === 'lost_answer') applyAll(batch);
      throw ERRORS[fate]();
    },
    async bury({ id }: Command): Promise<string> {
      const fate = left.shift() ?? 'ok';
      await Promise.resolve();
      if (fate === 'refused_connection' || fate === 'deadlock') throw ERRORS[fate]();
      if (settled.get(id) === 'applied') doubles += 1;
      settled.set(id, 'dead');
      if (fate === 'lost_answer') throw ERRORS[fate]();
      return 'dead';
    },
  };
}
