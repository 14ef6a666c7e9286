import type { Enemy } from './enemy.js';
import { levelAt, totalExperienceOf } from './experience.js';

/** A hero as it is stored. */
export interface HeroSnapshot {
  readonly id: string;
  readonly name: string;
  /** From 1. */
  readonly level: number;
  /** Gained since the level was reached. */
  readonly experience: number;
  readonly enemiesKilledAmount: number;
}

/** What one kill did to the hero. */
export interface KillResult {
  readonly experienceGained: number;
  readonly levelBefore: number;
  readonly levelAfter: number;
}

/**
 * Someone who kills enemies and grows by it.
 * - Level and experience are a function of total experience, so the order of kills does not matter.
 * - Total experience and the number of kills only grow, and only by killing a living enemy.
 */
export class Hero {
  readonly id: string;
  readonly name: string;
  #totalExperience: number;
  #enemiesKilledAmount: number;

  private constructor(snapshot: HeroSnapshot) {
    this.id = snapshot.id;
    this.name = snapshot.name;
    this.#totalExperience = totalExperienceOf(snapshot.level, snapshot.experience);
    this.#enemiesKilledAmount = snapshot.enemiesKilledAmount;
  }

  /** A new hero: level 1, no experience, no kills. */
  static create({ id, name }: { readonly id: string; readonly name: string }): Hero {
    return new Hero({ id, name, level: 1, experience: 0, enemiesKilledAmount: 0 });
  }

  /**
   * A stored hero. Experience that was left standing at or above the cost of its level is turned into levels.
   * @throws RangeError unless level (from 1) and experience (from 0) are integers whose total is a safe integer.
   */
  static restore(snapshot: HeroSnapshot): Hero {
    return new Hero(snapshot);
  }

  /**
   * Kills the enemy and gains its reward. Hero and enemy both change, or neither does.
   * @throws EnemyAlreadyKilled if the enemy is dead.
   * @throws RangeError if the total would no longer be a safe integer.
   */
  killEnemy(enemy: Enemy): KillResult {
    const experienceGained = enemy.experienceReward;
    const levelBefore = this.level;
    const totalExperience = this.#totalExperience + experienceGained;
    const levelAfter = levelAt(totalExperience).level;
    enemy.dieBy(this.id);
    this.#totalExperience = totalExperience;
    this.#enemiesKilledAmount += 1;
    return { experienceGained, levelBefore, levelAfter };
  }

  get level(): number {
    return levelAt(this.#totalExperience).level;
  }

  /** Gained since the level was reached: less than level * 100. */
  get experience(): number {
    return levelAt(this.#totalExperience).experience;
  }

  /** Everything ever gained. */
  get totalExperience(): number {
    return this.#totalExperience;
  }

  get enemiesKilledAmount(): number {
    return this.#enemiesKilledAmount;
  }
}
