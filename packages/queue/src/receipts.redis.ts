/**
 * Receipts as Redis keys: `<prefix>:receipt:<id>` holds `<payload hash> <accepted command as JSON>`, and the sorted set
 * `<prefix>:reserved` holds the ids that no job is known to carry, scored by the time of their reservation.
 */
import type { Accepted } from '@killfeed/domain';
import type { Redis } from 'ioredis';
import type { Receipts, Reservation } from './receipts.js';

// One answer an id: 'n' was free, 'r<hash>' reserved before, 'q<hash>' queued before.
const RESERVE = `
  local answers = {}
  for i = 2, #KEYS do
    local id, receipt = ARGV[2 * i - 2], ARGV[2 * i - 1]
    local held = redis.call('GET', KEYS[i])
    if not held then
      redis.call('SET', KEYS[i], receipt)
      redis.call('ZADD', KEYS[1], ARGV[1], id)
      answers[i - 1] = 'n'
    else
      local state = redis.call('ZSCORE', KEYS[1], id) and 'r' or 'q'
      answers[i - 1] = state .. string.match(held, '^%S+')
    end
  end
  return answers`;

export function createRedisReceipts(redis: Redis, prefix: string): Receipts {
  const reservedKey = `${prefix}:reserved`;
  const keyOf = (id: string) => `${prefix}:receipt:${id}`;
  redis.defineCommand('reserveReceipts', { lua: RESERVE });
  const scripted = redis as Redis & { reserveReceipts(...args: (string | number)[]): Promise<string[]> };

  return {
    async reserve(accepted) {
      const keys = accepted.map(({ command }) => keyOf(command.id));
      const receipts = accepted.flatMap((item) => [item.command.id, `${item.payloadHash} ${JSON.stringify(item)}`]);
      const answers = await scripted.reserveReceipts(keys.length + 1, reservedKey, ...keys, Date.now(), ...receipts);
      return answers.map(toReservation);
    },

    async markQueued(ids) {
      if (ids.length > 0) await redis.zrem(reservedKey, ...ids);
    },

    async drop(ids) {
      if (ids.length === 0) return;
      // Together: a reservation made in between would lose its mark.
      await redis
        .multi()
        .unlink(...ids.map(keyOf))
        .zrem(reservedKey, ...ids)
        .exec();
    },

    async find(id) {
      const receipt = await redis.get(keyOf(id));
      return receipt === null ? null : toAccepted(receipt);
    },

    async findHeld(ids) {
      if (ids.length === 0) return new Set();
      const receipts = await redis.mget(ids.map(keyOf));
      return new Set(ids.filter((_, index) => receipts[index] !== null));
    },

    async listUnqueued(before, limit) {
      const ids = await redis.zrange(reservedKey, '-inf', `${before.getTime()}`, 'BYSCORE', 'LIMIT', 0, limit);
      if (ids.length === 0) return [];
      const receipts = await redis.mget(ids.map(keyOf));
      const gone = ids.filter((_, index) => receipts[index] === null);
      if (gone.length > 0) await redis.zrem(reservedKey, ...gone);
      return receipts.flatMap((receipt) => (typeof receipt === 'string' ? [toAccepted(receipt)] : []));
    },
  };
}

function toReservation(answer: string): Reservation {
  if (answer === 'n') return { state: 'new' };
  return { state: answer.startsWith('r') ? 'reserved' : 'queued', payloadHash: answer.slice(1) };
}

function toAccepted(receipt: string): Accepted {
  return JSON.parse(receipt.slice(receipt.indexOf(' ') + 1));
}
