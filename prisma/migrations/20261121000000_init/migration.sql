-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "enemy_type" AS ENUM ('DRAGON', 'ORC', 'GOBLIN', 'TROLL');

-- CreateTable
CREATE TABLE "heroes" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "level" INTEGER NOT NULL DEFAULT 1,
    "experience" INTEGER NOT NULL DEFAULT 0,
    "enemies_killed_amount" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "heroes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "enemies" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "level" INTEGER NOT NULL DEFAULT 1,
    "experience" INTEGER NOT NULL DEFAULT 0,
    "enemy_type" "enemy_type" NOT NULL,
    "killed_by_hero_id" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "enemies_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "kills" (
    "id" UUID NOT NULL,
    "hero_id" UUID NOT NULL,
    "enemy_id" UUID NOT NULL,
    "enemy_type" "enemy_type" NOT NULL,
    "experience_gained" INTEGER NOT NULL,
    "level_before" INTEGER NOT NULL,
    "level_after" INTEGER NOT NULL,
    "occurred_at" TIMESTAMPTZ(6),
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,
    "applied_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "batch_id" UUID,
    "payload_hash" TEXT NOT NULL,
    "attempts" SMALLINT NOT NULL,

    CONSTRAINT "kills_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "kill_rejections" (
    "id" UUID NOT NULL,
    "hero_id" UUID NOT NULL,
    "enemy_id" UUID NOT NULL,
    "enemy_type" "enemy_type",
    "occurred_at" TIMESTAMPTZ(6),
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,
    "rejected_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "batch_id" UUID,
    "payload_hash" TEXT NOT NULL,
    "attempts" SMALLINT NOT NULL,
    "code" TEXT NOT NULL,
    "detail" TEXT NOT NULL,

    CONSTRAINT "kill_rejections_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dead_letters" (
    "id" UUID NOT NULL,
    "command" JSON NOT NULL,
    "class" TEXT NOT NULL,
    "sql_state" TEXT,
    "message" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "first_failed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_failed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dead_letters_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "acceptances" (
    "id" UUID NOT NULL,
    "batch_id" UUID,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,
    "ids" UUID[],

    CONSTRAINT "acceptances_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "queue_receipts" (
    "id" UUID NOT NULL,
    "payload_hash" TEXT NOT NULL,
    "accepted" JSON NOT NULL,
    "queued" BOOLEAN NOT NULL DEFAULT false,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "queue_receipts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "killboard_events" (
    "id" UUID NOT NULL,
    "server" TEXT NOT NULL,
    "event_id" BIGINT NOT NULL,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL,
    "fame" BIGINT NOT NULL,
    "killer_id" TEXT NOT NULL,
    "victim_id" TEXT NOT NULL,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,
    "applied_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "batch_id" UUID,
    "event" JSON NOT NULL,

    CONSTRAINT "killboard_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "players" (
    "server" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "guild" TEXT,
    "alliance" TEXT,
    "kills" INTEGER NOT NULL DEFAULT 0,
    "deaths" INTEGER NOT NULL DEFAULT 0,
    "kill_fame" BIGINT NOT NULL DEFAULT 0,
    "death_fame" BIGINT NOT NULL DEFAULT 0,
    "first_seen" TIMESTAMPTZ(6) NOT NULL,
    "last_seen" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "players_pkey" PRIMARY KEY ("server","id")
);

-- CreateIndex
CREATE INDEX "enemies_enemy_type_level_name_id_idx" ON "enemies"("enemy_type", "level" DESC, "name", "id");

-- CreateIndex
CREATE UNIQUE INDEX "kills_enemy_id_key" ON "kills"("enemy_id");

-- CreateIndex
CREATE INDEX "kills_applied_at_id_idx" ON "kills"("applied_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "kills_hero_id_applied_at_id_idx" ON "kills"("hero_id", "applied_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "acceptances_batch_id_idx" ON "acceptances"("batch_id");

-- CreateIndex
CREATE UNIQUE INDEX "killboard_events_server_event_id_key" ON "killboard_events"("server", "event_id");

-- AddForeignKey
ALTER TABLE "kills" ADD CONSTRAINT "kills_hero_id_fkey" FOREIGN KEY ("hero_id") REFERENCES "heroes"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "kills" ADD CONSTRAINT "kills_enemy_id_fkey" FOREIGN KEY ("enemy_id") REFERENCES "enemies"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma's schema language cannot say. (The engine splits this file at every semicolon, also in comments.)

-- Reservations that have not reached the queue yet: the sweeper's work list, nearly always empty.
CREATE INDEX "queue_receipts_unqueued_idx" ON "queue_receipts" ("accepted_at") WHERE NOT "queued";

-- Every kill updates a hero and an enemy. Room on the page keeps those updates heap-only, without touching an index.
ALTER TABLE "heroes" SET (fillfactor = 70);
ALTER TABLE "enemies" SET (fillfactor = 85);
