import type { EnemyType } from './enemy-type.js';

/** A hero has killed an enemy. */
export interface KillEnemy {
  readonly type: 'KillEnemy';
  /** UUID, lower case: the kill's primary key, and what makes it count once. */
  readonly id: string;
  readonly heroId: string;
  readonly enemyId: string;
  /** What the sender takes the enemy for; the kill is rejected if it is another. */
  readonly enemyType?: EnemyType;
  /** ISO 8601, as the client sent it. No rule reads it. */
  readonly occurredAt?: string;
}

export type RejectionCode = 'hero_not_found' | 'enemy_not_found' | 'enemy_type_mismatch' | 'enemy_already_killed';

/** `applied` and `rejected` are final; `duplicate` says that an earlier command under this id has had its outcome. */
export type KillOutcome =
  | {
      readonly status: 'applied';
      readonly id: string;
      readonly heroId: string;
      readonly enemyId: string;
      readonly enemyType: EnemyType;
      readonly experienceGained: number;
      readonly levelBefore: number;
      readonly levelAfter: number;
    }
  | { readonly status: 'duplicate'; readonly id: string }
  | {
      readonly status: 'rejected';
      readonly id: string;
      /** `detail` is a sentence for people and may change; `code` does not. */
      readonly reason: { readonly code: RejectionCode; readonly detail: string };
    };
