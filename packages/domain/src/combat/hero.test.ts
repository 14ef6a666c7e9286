import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Enemy, type EnemySnapshot } from './enemy.js';
import { EnemyAlreadyKilled, EnemyTypeMismatch } from './errors.js';
import { Hero } from './hero.js';

describe('a hero', () => {
  test('starts at level 1 with nothing', () => {
    const hero = Hero.create({ id: 'h1', name: 'Aria' });
    assert.equal(hero.id, 'h1');
    assert.equal(hero.name, 'Aria');
    assert.deepEqual(standingOf(hero), { level: 1, experience: 0, totalExperience: 0, enemiesKilledAmount: 0 });
  });

  test('comes back as it was stored', () => {
    const hero = Hero.restore({ id: 'h1', name: 'Aria', level: 3, experience: 40, enemiesKilledAmount: 7 });
    assert.deepEqual(standingOf(hero), { level: 3, experience: 40, totalExperience: 340, enemiesKilledAmount: 7 });
  });

  test('turns experience that was left standing into levels', () => {
    const hero = Hero.restore({ id: 'h1', name: 'Aria', level: 1, experience: 300, enemiesKilledAmount: 0 });
    assert.deepEqual(standingOf(hero), { level: 3, experience: 0, totalExperience: 300, enemiesKilledAmount: 0 });
  });

  test('gains ten experience for each level of the enemy it kills', () => {
    const hero = Hero.create({ id: 'h1', name: 'Aria' });
    assert.deepEqual(hero.killEnemy(enemy({ level: 4 })), { experienceGained: 40, levelBefore: 1, levelAfter: 1 });
    assert.deepEqual(standingOf(hero), { level: 1, experience: 40, totalExperience: 40, enemiesKilledAmount: 1 });
  });

  test('climbs several levels by one strong enemy', () => {
    const hero = Hero.create({ id: 'h1', name: 'Aria' });
    assert.deepEqual(hero.killEnemy(enemy({ level: 65 })), { experienceGained: 650, levelBefore: 1, levelAfter: 4 });
    assert.deepEqual(standingOf(hero), { level: 4, experience: 50, totalExperience: 650, enemiesKilledAmount: 1 });
  });

  test('gains nothing from an enemy that is already dead', () => {
    const hero = Hero.create({ id: 'h1', name: 'Aria' });
    const dead = enemy({ id: 'e9', name: 'Smaug', killedByHeroId: 'h2' });
    assert.throws(
      () => hero.killEnemy(dead),
      (error) =>
        error instanceof EnemyAlreadyKilled &&
        error.code === 'enemy_already_killed' &&
        error.name === 'EnemyAlreadyKilled' &&
        error.enemyId === 'e9' &&
        error.killedByHeroId === 'h2' &&
        error.message === 'Enemy Smaug (e9) was already killed by hero h2.',
    );
    assert.deepEqual(standingOf(hero), { level: 1, experience: 0, totalExperience: 0, enemiesKilledAmount: 0 });
    assert.equal(dead.killedByHeroId, 'h2');
  });

  test('cannot kill the same enemy twice', () => {
    const hero = Hero.create({ id: 'h1', name: 'Aria' });
    const orc = enemy({});
    hero.killEnemy(orc);
    assert.throws(() => hero.killEnemy(orc), EnemyAlreadyKilled);
    assert.equal(hero.enemiesKilledAmount, 1);
  });

  test('leaves the enemy alive when it cannot hold the reward', () => {
    const level = 13_421_773;
    const experience = Number.MAX_SAFE_INTEGER - 50 * level * (level - 1);
    const hero = Hero.restore({ id: 'h1', name: 'Aria', level, experience, enemiesKilledAmount: 0 });
    const orc = enemy({});
    assert.throws(() => hero.killEnemy(orc), RangeError);
    assert.ok(orc.isAlive);
    assert.equal(hero.totalExperience, Number.MAX_SAFE_INTEGER);
  });

  test('cannot be restored from numbers that no hero can have', () => {
    const stored = { id: 'h1', name: 'Aria', level: 1, experience: 0, enemiesKilledAmount: 0 };
    assert.throws(() => Hero.restore({ ...stored, level: 0 }), RangeError);
    assert.throws(() => Hero.restore({ ...stored, experience: -1 }), RangeError);
  });
});

describe('an enemy', () => {
  test('lives until somebody kills it', () => {
    const orc = enemy({});
    assert.ok(orc.isAlive);
    assert.equal(orc.killedByHeroId, null);
    Hero.create({ id: 'h1', name: 'Aria' }).killEnemy(orc);
    assert.ok(!orc.isAlive);
    assert.equal(orc.killedByHeroId, 'h1');
  });

  test('is worth ten experience a level, whatever its own experience', () => {
    assert.equal(enemy({ level: 12, experience: 999 }).experienceReward, 120);
    assert.equal(enemy({ level: 12 }).experience, 0);
    assert.equal(enemy({ level: 12, experience: 999 }).experience, 999);
  });

  test('says which type it is when it is taken for another', () => {
    const orc = enemy({ id: 'e9', name: 'Grom', enemyType: 'ORC' });
    orc.mustBe('ORC');
    assert.throws(
      () => orc.mustBe('TROLL'),
      (error) =>
        error instanceof EnemyTypeMismatch &&
        error.code === 'enemy_type_mismatch' &&
        error.enemyType === 'ORC' &&
        error.expectedType === 'TROLL' &&
        error.message === 'Enemy Grom (e9) is of type ORC, not TROLL.',
    );
  });

  test('cannot be restored below level 1', () => {
    assert.throws(() => enemy({ level: 0 }), RangeError);
    assert.throws(() => enemy({ level: 1.5 }), RangeError);
  });
});

function enemy(facts: Partial<EnemySnapshot>): Enemy {
  return Enemy.restore({ id: 'e1', name: 'Grom', level: 1, enemyType: 'ORC', killedByHeroId: null, ...facts });
}

function standingOf({ level, experience, totalExperience, enemiesKilledAmount }: Hero) {
  return { level, experience, totalExperience, enemiesKilledAmount };
}
