import type { Enemy } from './enemy.js';
import { EnemyNotFound, HeroNotFound, KillRefused } from './errors.js';
import type { Hero } from './hero.js';
import type { KillEnemy, KillOutcome } from './kill-enemy.command.js';

/** What the commands may touch, loaded by the unit of work. Who is in no map does not exist. */
export interface CombatState {
  readonly heroes: ReadonlyMap<string, Hero>;
  readonly enemies: ReadonlyMap<string, Enemy>;
  /** Ids that were applied or rejected before. */
  readonly settledIds: ReadonlySet<string>;
}

/**
 * Decides the kills one after the other, and changes the models in `state` by those that are applied. Gives one outcome
 * per command, in the same order. An id that comes twice is a duplicate of its first, whatever the payload.
 * Not atomic by itself: after a throw (RangeError, from numbers that no hero can hold) the models must be dropped.
 */
export function killEnemies(commands: readonly KillEnemy[], state: CombatState): KillOutcome[] {
  const decidedIds = new Set<string>();
  return commands.map((command): KillOutcome => {
    const { id } = command;
    if (state.settledIds.has(id) || decidedIds.has(id)) return { status: 'duplicate', id };
    decidedIds.add(id);
    return decide(command, state);
  });
}

function decide(command: KillEnemy, state: CombatState): KillOutcome {
  try {
    return kill(command, state);
  } catch (error) {
    if (!(error instanceof KillRefused)) throw error;
    return { status: 'rejected', id: command.id, reason: { code: error.code, detail: error.message } };
  }
}

/** The first rule that fails names the rejection, so their order is part of the API. */
function kill({ id, heroId, enemyId, enemyType }: KillEnemy, state: CombatState): KillOutcome {
  const hero = state.heroes.get(heroId);
  if (hero === undefined) throw new HeroNotFound(heroId);
  const enemy = state.enemies.get(enemyId);
  if (enemy === undefined) throw new EnemyNotFound(enemyId);
  if (enemyType !== undefined) enemy.mustBe(enemyType);
  return { status: 'applied', id, heroId, enemyId, enemyType: enemy.enemyType, ...hero.killEnemy(enemy) };
}
