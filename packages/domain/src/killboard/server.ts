/** The servers of Albion Online. Each numbers its events on its own. */
export const KILLBOARD_SERVERS = ['americas', 'europe', 'asia'] as const;

export type KillboardServer = (typeof KILLBOARD_SERVERS)[number];
