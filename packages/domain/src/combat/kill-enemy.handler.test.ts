import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Enemy } from './enemy.js';
import type { EnemyType } from './enemy-type.js';
import { Hero } from './hero.js';
import type { KillEnemy } from './kill-enemy.command.js';
import { type CombatState, killEnemies } from './kill-enemy.handler.js';

describe('killing enemies', () => {
  test('tells what the hero gained and which enemy it was', () => {
    const state = battlefield();
    assert.deepEqual(killEnemies([strike('k1', 'aria', 'smaug')], state), [
      {
        status: 'applied',
        id: 'k1',
        heroId: 'aria',
        enemyId: 'smaug',
        enemyType: 'DRAGON',
        experienceGained: 120,
        levelBefore: 1,
        levelAfter: 2,
      },
    ]);
    assert.equal(state.heroes.get('aria')?.totalExperience, 120);
    assert.equal(state.enemies.get('smaug')?.killedByHeroId, 'aria');
  });

  test('takes each kill with the hero as the kill before left it', () => {
    const outcomes = killEnemies([strike('k1', 'aria', 'grom'), strike('k2', 'aria', 'smaug')], battlefield());
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status === 'applied' && [outcome.levelBefore, outcome.levelAfter]),
      [
        [1, 1],
        [1, 2],
      ],
    );
  });

  test('rejects a hero that does not exist', () => {
    assert.deepEqual(killEnemies([strike('k1', 'nobody', 'smaug')], battlefield()), [
      {
        status: 'rejected',
        id: 'k1',
        reason: { code: 'hero_not_found', detail: 'No hero has the id nobody.' },
      },
    ]);
  });

  test('rejects an enemy that does not exist', () => {
    assert.deepEqual(killEnemies([strike('k1', 'aria', 'nothing')], battlefield()), [
      {
        status: 'rejected',
        id: 'k1',
        reason: { code: 'enemy_not_found', detail: 'No enemy has the id nothing.' },
      },
    ]);
  });

  test('rejects an enemy of another type than the command names, and spares it', () => {
    const state = battlefield();
    assert.deepEqual(killEnemies([strike('k1', 'aria', 'smaug', 'TROLL')], state), [
      {
        status: 'rejected',
        id: 'k1',
        reason: { code: 'enemy_type_mismatch', detail: 'Enemy Smaug (smaug) is of type DRAGON, not TROLL.' },
      },
    ]);
    assert.ok(state.enemies.get('smaug')?.isAlive);
  });

  test('takes an enemy of the type that the command names', () => {
    assert.deepEqual(statusesOf([strike('k1', 'aria', 'smaug', 'DRAGON')]), ['applied']);
  });

  test('gives the kill to the first of two heroes, and names it to the second', () => {
    const state = battlefield();
    const outcomes = killEnemies([strike('k1', 'bran', 'smaug'), strike('k2', 'aria', 'smaug')], state);
    assert.deepEqual(outcomes[1], {
      status: 'rejected',
      id: 'k2',
      reason: { code: 'enemy_already_killed', detail: 'Enemy Smaug (smaug) was already killed by hero bran.' },
    });
    assert.equal(state.heroes.get('aria')?.totalExperience, 0);
    assert.equal(state.heroes.get('bran')?.enemiesKilledAmount, 1);
  });

  test('names the first rule that fails: hero, enemy, type, then death', () => {
    const commands = [
      strike('k1', 'bran', 'smaug'),
      strike('k2', 'nobody', 'nothing'),
      strike('k3', 'nobody', 'smaug', 'TROLL'),
      strike('k4', 'aria', 'nothing', 'TROLL'),
      strike('k5', 'aria', 'smaug', 'TROLL'),
      strike('k6', 'aria', 'smaug', 'DRAGON'),
    ];
    assert.deepEqual(statusesOf(commands), [
      'applied',
      'hero_not_found',
      'hero_not_found',
      'enemy_not_found',
      'enemy_type_mismatch',
      'enemy_already_killed',
    ]);
  });

  test('takes a repeated id for a duplicate of its first, whatever the payload', () => {
    const state = battlefield();
    const outcomes = killEnemies([strike('k1', 'aria', 'smaug'), strike('k1', 'bran', 'grom')], state);
    assert.deepEqual(outcomes[1], { status: 'duplicate', id: 'k1' });
    assert.ok(state.enemies.get('grom')?.isAlive);
  });

  test('takes the repeat of a rejected id for a duplicate as well', () => {
    assert.deepEqual(statusesOf([strike('k1', 'nobody', 'smaug'), strike('k1', 'aria', 'smaug')]), [
      'hero_not_found',
      'duplicate',
    ]);
  });

  test('does not touch anything for an id that was settled before', () => {
    const state = battlefield(['k1']);
    assert.deepEqual(killEnemies([strike('k1', 'aria', 'smaug')], state), [{ status: 'duplicate', id: 'k1' }]);
    assert.ok(state.enemies.get('smaug')?.isAlive);
    assert.equal(state.heroes.get('aria')?.totalExperience, 0);
  });

  test('lets an error that is no rule through', () => {
    const state = battlefield();
    const titan = Enemy.restore({
      id: 'titan',
      name: 'Titan',
      level: 2 ** 53 - 1,
      enemyType: 'TROLL',
      killedByHeroId: null,
    });
    const commands = [strike('k1', 'aria', 'titan')];
    assert.throws(() => killEnemies(commands, { ...state, enemies: new Map([['titan', titan]]) }), RangeError);
  });
});

function battlefield(settledIds: readonly string[] = []): CombatState {
  return {
    heroes: new Map([
      ['aria', Hero.create({ id: 'aria', name: 'Aria' })],
      ['bran', Hero.create({ id: 'bran', name: 'Bran' })],
    ]),
    enemies: new Map([
      ['smaug', Enemy.restore({ id: 'smaug', name: 'Smaug', level: 12, enemyType: 'DRAGON', killedByHeroId: null })],
      ['grom', Enemy.restore({ id: 'grom', name: 'Grom', level: 3, enemyType: 'ORC', killedByHeroId: null })],
    ]),
    settledIds: new Set(settledIds),
  };
}

function strike(id: string, heroId: string, enemyId: string, enemyType?: EnemyType): KillEnemy {
  return { type: 'KillEnemy', id, heroId, enemyId, ...(enemyType !== undefined && { enemyType }) };
}

function statusesOf(commands: readonly KillEnemy[]): string[] {
  return killEnemies(commands, battlefield()).map((outcome) =>
    outcome.status === 'rejected' ? outcome.reason.code : outcome.status,
  );
}
