import type { EnemyType } from './enemy-type.js';
import { EnemyAlreadyKilled, EnemyTypeMismatch } from './errors.js';
import { assertLevel } from './experience.js';

const EXPERIENCE_PER_LEVEL = 10;

/** An enemy as it is stored. */
export interface EnemySnapshot {
  readonly id: string;
  readonly name: string;
  /** From 1. */
  readonly level: number;
  /** Its own, kept for display: the reward comes from the level alone. 0 if left out. */
  readonly experience?: number;
  readonly enemyType: EnemyType;
  /** Null while it lives. */
  readonly killedByHeroId: string | null;
}

/**
 * Something to kill.
 * - It dies once, and its killer never changes afterwards.
 * - What it is worth depends on its level alone.
 */
export class Enemy {
  readonly id: string;
  readonly name: string;
  readonly level: number;
  readonly experience: number;
  readonly enemyType: EnemyType;
  #killedByHeroId: string | null;

  private constructor(snapshot: EnemySnapshot) {
    assertLevel(snapshot.level);
    this.id = snapshot.id;
    this.name = snapshot.name;
    this.level = snapshot.level;
    this.experience = snapshot.experience ?? 0;
    this.enemyType = snapshot.enemyType;
    this.#killedByHeroId = snapshot.killedByHeroId;
  }

  /** @throws RangeError unless the level is an integer from 1. */
  static restore(snapshot: EnemySnapshot): Enemy {
    return new Enemy(snapshot);
  }

  /**
   * Takes the death blow. Call `hero.killEnemy(enemy)` instead, which also rewards the hero.
   * @throws EnemyAlreadyKilled if it is dead, whoever struck.
   */
  dieBy(heroId: string): void {
    if (this.#killedByHeroId !== null) throw new EnemyAlreadyKilled(this.id, this.name, this.#killedByHeroId);
    this.#killedByHeroId = heroId;
  }

  /** @throws EnemyTypeMismatch if it is of another type. */
  mustBe(expectedType: EnemyType): void {
    if (this.enemyType !== expectedType) {
      throw new EnemyTypeMismatch(this.id, this.name, this.enemyType, expectedType);
    }
  }

  get isAlive(): boolean {
    return this.#killedByHeroId === null;
  }

  get killedByHeroId(): string | null {
    return this.#killedByHeroId;
  }

  /** The experience that its killer gains. */
  get experienceReward(): number {
    return this.level * EXPERIENCE_PER_LEVEL;
  }
}
