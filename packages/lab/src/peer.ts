import type { Database } from '@killfeed/db';
import { levelAt, totalExperienceOf } from '@killfeed/domain';

/**
 * What people write today, and what Killfeed grew from: find hero and enemy, reckon in memory, write absolute values back
 * in a batch transaction. Two kills by one hero at once overwrite each other; here it stands as the measure, no more.
 */
export async function killEnemyReadModifyWrite({ prisma }: Database, heroId: string, enemyId: string): Promise<void> {
  const hero = await prisma.hero.findUnique({ where: { id: heroId } });
  const enemy = await prisma.enemy.findUnique({ where: { id: enemyId } });
  if (hero === null || enemy === null || enemy.killedByHeroId !== null) return;
  const { level, experience } = levelAt(totalExperienceOf(hero.level, hero.experience) + enemy.level * 10);
  await prisma.$transaction([
    prisma.hero.update({
      where: { id: heroId },
      data: { level, experience, enemiesKilledAmount: hero.enemiesKilledAmount + 1 },
    }),
    prisma.enemy.update({ where: { id: enemyId }, data: { killedByHeroId: heroId } }),
  ]);
}
