import type { KillboardServer } from '@killfeed/domain';
import type { PrismaClient } from '../generated/prisma/client.js';

export interface PlayerRow {
  readonly server: KillboardServer;
  readonly id: string;
  readonly name: string;
  readonly guild: string | null;
  readonly alliance: string | null;
  readonly kills: number;
  readonly deaths: number;
  readonly killFame: number;
  readonly deathFame: number;
  /** Kills per death; the kills where there is no death yet. */
  readonly ratio: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

export interface KillboardReader {
  /** The event as it was received, without LifetimeStatistics. */
  findEvent(server: KillboardServer, eventId: number): Promise<unknown>;
  findPlayer(server: KillboardServer, id: string): Promise<PlayerRow | null>;
}

export function createKillboardReader(prisma: PrismaClient): KillboardReader {
  return {
    async findEvent(server, eventId) {
      const row = await prisma.killboardEvent.findUnique({ where: { server_eventId: { server, eventId } } });
      return row?.event ?? null;
    },

    async findPlayer(server, id) {
      const row = await prisma.player.findUnique({ where: { server_id: { server, id } } });
      if (row === null) return null;
      return {
        ...row,
        server,
        killFame: Number(row.killFame),
        deathFame: Number(row.deathFame),
        ratio: row.deaths === 0 ? row.kills : row.kills / row.deaths,
      };
    },
  };
}
