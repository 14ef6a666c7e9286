import { type Accepted, type KillEnemy, type KillOutcome, killEnemies } from '@killfeed/domain';
import type { Pool } from 'pg';
import { inTransaction } from '../transaction.js';
import { createCombatRepository } from './combat.repository.js';

/**
 * The unit of work of combat: many kills, one transaction, one outcome for each in the order given. Repeating it, in
 * whole or in part, after any failure changes nothing that was applied before.
 *
 * @param attempts how often this batch was tried, the present try included
 * @throws what PostgreSQL threw; then nothing was applied, unless the error's class is `unknown`
 */
export function applyKills(
  pool: Pool,
  kills: readonly Accepted<KillEnemy>[],
  attempts: number,
): Promise<KillOutcome[]> {
  return inTransaction(pool, async (client) => {
    const commands = kills.map(({ command }) => command);
    const repository = createCombatRepository(client);
    const heroes = await repository.lockHeroes(distinct(commands, 'heroId'));
    const enemies = await repository.lockEnemies(distinct(commands, 'enemyId'));
    const settledIds = await repository.findSettledIds(distinct(commands, 'id'));

    const outcomes = killEnemies(commands, { heroes, enemies, settledIds });

    const grown = new Set(outcomes.flatMap((outcome) => (outcome.status === 'applied' ? [outcome.heroId] : [])));
    await repository.save(
      kills.flatMap((accepted, index) => {
        const outcome = outcomes[index];
        return outcome === undefined ? [] : [{ accepted, outcome }];
      }),
      [...heroes.values()].filter((hero) => grown.has(hero.id)),
      attempts,
    );
    return outcomes;
  });
}

function distinct<Key extends string>(items: readonly Record<Key, string>[], key: Key): string[] {
  return [...new Set(items.map((item) => item[key]))];
}
