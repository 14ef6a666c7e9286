export const ENEMY_TYPES = ['DRAGON', 'ORC', 'GOBLIN', 'TROLL'] as const;

export type EnemyType = (typeof ENEMY_TYPES)[number];
