/**
 * Random battles, fought in batches as the worker would: each batch is given the ids that were settled before it. Few
 * heroes, enemies and ids, so that most kills meet a rival, a repeat or somebody who does not exist.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Enemy, type EnemySnapshot } from './enemy.js';
import { ENEMY_TYPES } from './enemy-type.js';
import { levelAt } from './experience.js';
import { Hero, type HeroSnapshot } from './hero.js';
import type { KillEnemy, KillOutcome } from './kill-enemy.command.js';
import { type CombatState, killEnemies } from './kill-enemy.handler.js';

const INT4_MAX = 2 ** 31 - 1;

const heroes = fc.uniqueArray(
  fc.record<HeroSnapshot>({
    id: fc.constantFrom('h1', 'h2', 'h3'),
    name: fc.constant('hero'),
    level: fc.integer({ min: 1, max: 1000 }),
    experience: fc.nat(99),
    enemiesKilledAmount: fc.nat(1000),
  }),
  { selector: (hero) => hero.id, minLength: 1 },
);

const enemies = fc.uniqueArray(
  fc.record<EnemySnapshot>({
    id: fc.constantFrom('e1', 'e2', 'e3', 'e4', 'e5', 'e6'),
    name: fc.constant('enemy'),
    level: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: INT4_MAX })),
    enemyType: fc.constantFrom(...ENEMY_TYPES),
    killedByHeroId: fc.option(fc.constantFrom('h1', 'h9'), { freq: 5 }),
  }),
  { selector: (enemy) => enemy.id, minLength: 1 },
);

const command: fc.Arbitrary<KillEnemy> = fc.record(
  {
    type: fc.constant('KillEnemy'),
    id: fc.integer({ min: 1, max: 20 }).map((number) => `k${number}`),
    heroId: fc.constantFrom('h1', 'h2', 'h3', 'h4'),
    enemyId: fc.constantFrom('e1', 'e2', 'e3', 'e4', 'e5', 'e6', 'e7'),
    enemyType: fc.constantFrom(...ENEMY_TYPES),
  },
  { requiredKeys: ['type', 'id', 'heroId', 'enemyId'] },
);

const batches = fc.array(fc.array(command, { maxLength: 15 }), { maxLength: 5 });

describe('any battle, in any order and any batches', () => {
  test('gives every hero exactly the experience of the kills applied to it', () => {
    fc.assert(
      fc.property(heroes, enemies, batches, (heroSnapshots, enemySnapshots, given) => {
        const state = battlefield(heroSnapshots, enemySnapshots);
        const kills = fight(given, state).filter((outcome) => outcome.status === 'applied');
        for (const snapshot of heroSnapshots) {
          const hero = heroOf(state, snapshot.id);
          const own = kills.filter((kill) => kill.heroId === hero.id);
          const before = Hero.restore(snapshot).totalExperience;
          assert.equal(
            hero.totalExperience,
            own.reduce((sum, kill) => sum + kill.experienceGained, before),
          );
          assert.equal(hero.enemiesKilledAmount, snapshot.enemiesKilledAmount + own.length);
        }
      }),
    );
  });

  test('chains the levels of each hero from kill to kill, by total experience alone', () => {
    fc.assert(
      fc.property(heroes, enemies, batches, (heroSnapshots, enemySnapshots, given) => {
        const outcomes = fight(given, battlefield(heroSnapshots, enemySnapshots));
        for (const snapshot of heroSnapshots) {
          let total = Hero.restore(snapshot).totalExperience;
          for (const kill of outcomes) {
            if (kill.status !== 'applied' || kill.heroId !== snapshot.id) continue;
            assert.equal(kill.levelBefore, levelAt(total).level);
            total += kill.experienceGained;
            assert.equal(kill.levelAfter, levelAt(total).level);
          }
        }
      }),
    );
  });

  test('kills each enemy at most once, by the hero whose kill was applied', () => {
    fc.assert(
      fc.property(heroes, enemies, batches, (heroSnapshots, enemySnapshots, given) => {
        const state = battlefield(heroSnapshots, enemySnapshots);
        const kills = fight(given, state).filter((outcome) => outcome.status === 'applied');
        for (const snapshot of enemySnapshots) {
          const killers = kills.filter((kill) => kill.enemyId === snapshot.id).map((kill) => kill.heroId);
          const before = snapshot.killedByHeroId === null ? [] : [snapshot.killedByHeroId];
          const after = state.enemies.get(snapshot.id)?.killedByHeroId ?? null;
          assert.deepEqual([...before, ...killers], after === null ? [] : [after]);
        }
      }),
    );
  });

  test('settles each id once: one outcome per command, one decision per id', () => {
    fc.assert(
      fc.property(heroes, enemies, batches, (heroSnapshots, enemySnapshots, given) => {
        const outcomes = fight(given, battlefield(heroSnapshots, enemySnapshots));
        const ids = given.flat().map(({ id }) => id);
        assert.deepEqual(
          outcomes.map(({ id }) => id),
          ids,
        );
        assert.deepEqual(
          outcomes.map(({ status }) => status === 'duplicate'),
          ids.map((id, index) => ids.indexOf(id) < index),
        );
      }),
    );
  });

  test('comes out the same whether it is fought in many batches or in one', () => {
    fc.assert(
      fc.property(heroes, enemies, batches, (heroSnapshots, enemySnapshots, given) => {
        const [inMany, inOne] = [
          battlefield(heroSnapshots, enemySnapshots),
          battlefield(heroSnapshots, enemySnapshots),
        ];
        assert.deepEqual(fight(given, inMany), fight([given.flat()], inOne));
        assert.deepEqual(figuresOf(inMany), figuresOf(inOne));
      }),
    );
  });

  test('changes nothing when it is run again with its ids settled', () => {
    fc.assert(
      fc.property(heroes, enemies, batches, (heroSnapshots, enemySnapshots, given) => {
        const state = battlefield(heroSnapshots, enemySnapshots);
        const settledIds = new Set(fight(given, state).map(({ id }) => id));
        const before = figuresOf(state);
        const again = killEnemies(given.flat(), { ...state, settledIds });
        assert.ok(again.every(({ status }) => status === 'duplicate'));
        assert.deepEqual(figuresOf(state), before);
      }),
    );
  });

  test('brings one hero to the same level by the same enemies in another order', () => {
    const twoOrders = enemies.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(twoOrders, ([order, otherOrder]) => {
        const [one, other] = [order, otherOrder].map((snapshots) => {
          const state = battlefield(
            [{ id: 'h1', name: 'hero', level: 1, experience: 0, enemiesKilledAmount: 0 }],
            snapshots,
          );
          fight([snapshots.map(({ id }) => ({ type: 'KillEnemy', id, heroId: 'h1', enemyId: id }))], state);
          return heroFigures(heroOf(state, 'h1'));
        });
        assert.deepEqual(one, other);
      }),
    );
  });
});

function battlefield(heroSnapshots: readonly HeroSnapshot[], enemySnapshots: readonly EnemySnapshot[]): CombatState {
  return {
    heroes: new Map(heroSnapshots.map((snapshot) => [snapshot.id, Hero.restore(snapshot)])),
    enemies: new Map(enemySnapshots.map((snapshot) => [snapshot.id, Enemy.restore(snapshot)])),
    settledIds: new Set(),
  };
}

function fight(given: readonly (readonly KillEnemy[])[], state: CombatState): KillOutcome[] {
  const settledIds = new Set<string>();
  return given.flatMap((commands) => {
    const outcomes = killEnemies(commands, { ...state, settledIds });
    for (const { id } of outcomes) settledIds.add(id);
    return outcomes;
  });
}

function heroOf(state: CombatState, id: string): Hero {
  const hero = state.heroes.get(id);
  assert.ok(hero);
  return hero;
}

function heroFigures({ id, level, experience, totalExperience, enemiesKilledAmount }: Hero) {
  return { id, level, experience, totalExperience, enemiesKilledAmount };
}

function figuresOf(state: CombatState) {
  return {
    heroes: [...state.heroes.values()].map(heroFigures),
    killers: [...state.enemies.values()].map(({ id, killedByHeroId }) => [id, killedByHeroId]),
  };
}
