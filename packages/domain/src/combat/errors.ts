import { DomainError } from '../errors.js';
import type { EnemyType } from './enemy-type.js';
import type { RejectionCode } from './kill-enemy.command.js';

/** Why a kill does not count; one code from the model to the receipt. */
export abstract class KillRefused extends DomainError {
  abstract override readonly code: RejectionCode;
}

export class HeroNotFound extends KillRefused {
  override readonly name = 'HeroNotFound';
  readonly code = 'hero_not_found';

  constructor(readonly heroId: string) {
    super(`No hero has the id ${heroId}.`);
  }
}

export class EnemyNotFound extends KillRefused {
  override readonly name = 'EnemyNotFound';
  readonly code = 'enemy_not_found';

  constructor(readonly enemyId: string) {
    super(`No enemy has the id ${enemyId}.`);
  }
}

export class EnemyTypeMismatch extends KillRefused {
  override readonly name = 'EnemyTypeMismatch';
  readonly code = 'enemy_type_mismatch';

  constructor(
    readonly enemyId: string,
    readonly enemyName: string,
    readonly enemyType: EnemyType,
    readonly expectedType: EnemyType,
  ) {
    super(`Enemy ${enemyName} (${enemyId}) is of type ${enemyType}, not ${expectedType}.`);
  }
}

export class EnemyAlreadyKilled extends KillRefused {
  override readonly name = 'EnemyAlreadyKilled';
  readonly code = 'enemy_already_killed';

  constructor(
    readonly enemyId: string,
    readonly enemyName: string,
    readonly killedByHeroId: string,
  ) {
    super(`Enemy ${enemyName} (${enemyId}) was already killed by hero ${killedByHeroId}.`);
  }
}
