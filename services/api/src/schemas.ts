/** Shapes that more than one route speaks of. */
import { ENEMY_TYPES } from '@killfeed/domain';
import { Type } from 'typebox';
import { PROBLEMS, type ProblemCode } from './problem.js';

export const UUID_PATTERN = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';

export const Uuid = Type.String({
  pattern: UUID_PATTERN,
  description: 'A UUID',
  examples: ['0193a7b0-5d4c-7c1e-9f27-3f1d2b7c9a10'],
});

// What RFC 3339 allows and PostgreSQL or Date do not (leap seconds, other separators, far offsets, years that are none
// in UTC) is refused here, not by the worker.
export const Instant = Type.String({
  format: 'date-time',
  pattern:
    '^(?!0000|0001|9999)\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:[0-5]\\d(\\.\\d+)?([Zz]|[+-](0\\d|1[0-4]):[0-5]\\d)$',
  maxLength: 40,
  description: 'An instant, RFC 3339',
  examples: ['2026-11-21T12:00:00Z'],
});

export const EnemyTypeName = Type.Enum([...ENEMY_TYPES], { description: 'What kind of enemy' });

// Rows carry Date objects; the serialiser writes them out.
export const Timestamp = Type.Unsafe<Date | string>({ type: 'string', format: 'date-time' });

export const Nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const ProblemDocument = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: Type.Enum(Object.keys(PROBLEMS)),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  { description: 'RFC 9457 problem details', additionalProperties: true },
);

/** The problem responses of a route, by status. */
export function problemResponses(...codes: ProblemCode[]): Record<number, object> {
  const responses: Record<number, object> = {};
  for (const [code, [status]] of Object.entries(PROBLEMS)) {
    const group = codes.filter((each) => PROBLEMS[each][0] === status);
    if (!group.includes(code as ProblemCode)) continue;
    responses[status] = {
      description: group.map((each) => `\`${each}\`: ${PROBLEMS[each][1]}`).join('. '),
      content: { 'application/problem+json': { schema: ProblemDocument } },
    };
  }
  return responses;
}

export const HeroDocument = Type.Object({
  id: Uuid,
  name: Type.String(),
  level: Type.Integer(),
  experience: Type.Integer(),
  enemiesKilledAmount: Type.Integer(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});

export const EnemyDocument = Type.Object({
  id: Uuid,
  name: Type.String(),
  level: Type.Integer(),
  experience: Type.Integer(),
  enemyType: EnemyTypeName,
  killedByHeroId: Nullable(Uuid),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});

export const KillDocument = Type.Object({
  id: Uuid,
  heroId: Uuid,
  enemyId: Uuid,
  enemyType: EnemyTypeName,
  experienceGained: Type.Integer(),
  levelBefore: Type.Integer(),
  levelAfter: Type.Integer(),
  occurredAt: Nullable(Timestamp),
  appliedAt: Timestamp,
});

export const Queued = Type.Object(
  { id: Uuid, status: Type.Literal('queued'), statusUrl: Type.String() },
  { description: 'Accepted; Location says where its receipt is' },
);

export const Receipt = Type.Object(
  {
    id: Uuid,
    status: Type.Enum(['queued', 'applied', 'rejected', 'dead']),
    heroId: Uuid,
    enemyId: Uuid,
    enemyType: Nullable(EnemyTypeName),
    occurredAt: Nullable(Type.String()),
    acceptedAt: Timestamp,
    batchId: Type.Optional(Uuid),
    appliedAt: Type.Optional(Timestamp),
    experienceGained: Type.Optional(Type.Integer()),
    levelBefore: Type.Optional(Type.Integer()),
    levelAfter: Type.Optional(Type.Integer()),
    attempts: Type.Optional(Type.Integer()),
    acceptedToAppliedMs: Type.Optional(Type.Number()),
    reason: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String() })),
  },
  { description: 'What became of one kill' },
);

export const ActionDone = Type.Object(
  { actionId: Uuid },
  { description: 'The kill was applied; actionId is the enemy, Location the receipt' },
);

export const BulkAnswer = Type.Object(
  {
    accepted: Type.Integer(),
    duplicates: Type.Integer(),
    rejected: Type.Array(
      Type.Object({
        index: Type.Integer(),
        id: Type.Optional(Type.String()),
        eventId: Type.Optional(Type.Number()),
        code: Type.String(),
        detail: Type.String(),
      }),
      { description: 'The first 1,000' },
    ),
    rejectedCount: Type.Integer(),
    batchIds: Type.Array(Uuid),
    statusUrl: Type.String(),
  },
  { description: 'What became of each item of a bulk request' },
);

export const LIMIT_DEFAULT = 100;

export const Limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 1000, default: LIMIT_DEFAULT, description: 'Rows at most' }),
);

export const CursorText = Type.Optional(Uuid);
