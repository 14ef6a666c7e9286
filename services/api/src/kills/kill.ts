/** One kill as clients send it, and the command it becomes. */
import { createHash } from 'node:crypto';
import type { KillEnemy } from '@killfeed/domain';
import { type Static, Type } from 'typebox';
import { EnemyTypeName, Instant, Uuid } from '../schemas.js';

export const KillBody = Type.Object(
  {
    id: Type.Optional(Uuid),
    heroId: Uuid,
    enemyId: Uuid,
    enemyType: Type.Optional(EnemyTypeName),
    occurredAt: Type.Optional(Instant),
  },
  { additionalProperties: false, description: 'One kill. With an id of your own a retry is safe for ever.' },
);

export type KillBody = Static<typeof KillBody>;

/** UUIDs are compared as text from here on, so they are brought to one spelling. */
export function toKillEnemy(body: Omit<KillBody, 'id'>, id: string): KillEnemy {
  return {
    type: 'KillEnemy',
    id: id.toLowerCase(),
    heroId: body.heroId.toLowerCase(),
    enemyId: body.enemyId.toLowerCase(),
    ...(body.enemyType === undefined ? {} : { enemyType: body.enemyType }),
    ...(body.occurredAt === undefined ? {} : { occurredAt: body.occurredAt }),
  };
}

/** Tells a repeat from another kill under the same id: 128 bits over what the client sent. */
export function hashKill({ heroId, enemyId, enemyType, occurredAt }: KillEnemy): string {
  const payload = JSON.stringify([heroId, enemyId, enemyType ?? null, occurredAt ?? null]);
  return createHash('sha256').update(payload).digest('base64url').slice(0, 22);
}
