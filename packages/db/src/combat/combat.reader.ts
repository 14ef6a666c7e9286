/**
 * The lists of the game: heroes, enemies, applied kills. Pages follow the last row seen, not an offset, so a page costs
 * the same however far in it is; a row that moves between two pages may be seen twice or not at all.
 */
import type { EnemyType } from '@killfeed/domain';
import type { Enemy, Hero, Kill, PrismaClient } from '../generated/prisma/client.js';

export type { Enemy as EnemyRow, Hero as HeroRow, Kill as KillRow } from '../generated/prisma/client.js';

export interface PageRequest {
  /** Rows at most. */
  readonly limit: number;
  /** Id of the last row of the page before. */
  readonly after?: string;
}

export interface Page<Row> {
  readonly rows: Row[];
  /** What to ask `after`; absent on the last page. */
  readonly next?: string;
}

export interface CombatReader {
  /** Level desc, enemies killed desc, name asc, id. */
  listHeroes(page: PageRequest): Promise<Page<Hero>>;
  findHero(id: string): Promise<Hero | null>;
  /** Type (DRAGON, ORC, GOBLIN, TROLL), level desc, name asc, id. */
  listEnemies(page: PageRequest, filter: { type?: EnemyType; alive?: boolean }): Promise<Page<Enemy>>;
  /** Newest first by `appliedAt`, then id. */
  listKills(page: PageRequest, filter: { heroId?: string; enemyType?: EnemyType; since?: Date }): Promise<Page<Kill>>;
  /** The enemies that a hero killed, the last one first; pages by the kill's id. */
  listKilledEnemies(page: PageRequest, heroId: string): Promise<Page<Enemy>>;
}

export function createCombatReader(prisma: PrismaClient): CombatReader {
  return {
    async listHeroes(page) {
      const rows = await prisma.hero.findMany({
        ...window(page),
        orderBy: [{ level: 'desc' }, { enemiesKilledAmount: 'desc' }, { name: 'asc' }, { id: 'asc' }],
      });
      return toPage(rows, page, (hero) => hero.id);
    },

    findHero(id) {
      return prisma.hero.findUnique({ where: { id } });
    },

    async listEnemies(page, { type, alive }) {
      const rows = await prisma.enemy.findMany({
        ...window(page),
        where: {
          ...(type === undefined ? {} : { enemyType: type }),
          ...(alive === undefined ? {} : { killedByHeroId: alive ? null : { not: null } }),
        },
        orderBy: [{ enemyType: 'asc' }, { level: 'desc' }, { name: 'asc' }, { id: 'asc' }],
      });
      return toPage(rows, page, (enemy) => enemy.id);
    },

    async listKills(page, { heroId, enemyType, since }) {
      const rows = await prisma.kill.findMany({
        ...window(page),
        where: {
          ...(heroId === undefined ? {} : { heroId }),
          ...(enemyType === undefined ? {} : { enemyType }),
          ...(since === undefined ? {} : { appliedAt: { gte: since } }),
        },
        orderBy: NEWEST_FIRST,
      });
      return toPage(rows, page, (kill) => kill.id);
    },

    async listKilledEnemies(page, heroId) {
      const kills = await prisma.kill.findMany({
        ...window(page),
        where: { heroId },
        orderBy: NEWEST_FIRST,
        include: { enemy: true },
      });
      const { rows, next } = toPage(kills, page, (kill) => kill.id);
      return { rows: rows.map((kill) => kill.enemy), ...(next === undefined ? {} : { next }) };
    },
  };
}

const NEWEST_FIRST = [{ appliedAt: 'desc' as const }, { id: 'desc' as const }];

// One row more than asked for tells whether there is a next page.
function window({ limit, after }: PageRequest) {
  return { take: limit + 1, ...(after === undefined ? {} : { cursor: { id: after }, skip: 1 }) };
}

function toPage<Row>(rows: Row[], { limit }: PageRequest, idOf: (row: Row) => string): Page<Row> {
  const last = rows[limit - 1];
  return rows.length > limit && last !== undefined ? { rows: rows.slice(0, limit), next: idOf(last) } : { rows };
}
