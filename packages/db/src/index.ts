export { type AuditReport, audit, type FindQueued } from './audit.js';
export { applyKills } from './combat/apply-kills.js';
export {
  type CombatReader,
  createCombatReader,
  type EnemyRow,
  type HeroRow,
  type KillRow,
  type Page,
  type PageRequest,
} from './combat/combat.reader.js';
export { createDatabase, type Database } from './database.js';
export { saveDeadLetter } from './dead-letters.js';
export { type ClassifiedError, classifyError, isTransient, type OutcomeClass } from './errors.js';
export { createKillboardReader, type KillboardReader, type PlayerRow } from './killboard/killboard.reader.js';
export { applyKillEvents } from './killboard/record-events.js';
export { createLedger, type Ledger, type LedgerEntry, type LedgerOptions } from './ledger.js';
export { migrate } from './migrate.js';
export {
  type DatabaseOptions,
  databaseOptionsFromEnv,
  directUrlFromEnv,
} from './pool/pool-config.js';
export { type SeedOptions, seed } from './seed.js';
export { type BatchCounts, createSettledReader, type SettledKillReceipt, type SettledReader } from './settled.js';
