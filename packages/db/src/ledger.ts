/**
 * The ledger of what was accepted, kept in PostgreSQL and so apart from a queue that may lose it. Writing is off the
 * path of the answer: entries are gathered while one INSERT is out, and kept while the database is down.
 */
import type { Pool } from 'pg';
import { v7 as uuidv7 } from 'uuid';

export interface LedgerEntry {
  readonly ids: readonly string[];
  /** ISO 8601. */
  readonly acceptedAt: string;
  readonly batchId?: string;
}

export interface Ledger {
  /** Takes an entry; resolves once it is stored, which callers need not wait for. Never rejects. */
  append(entry: LedgerEntry): Promise<void>;
  /** Resolves when everything taken until now is stored. */
  whenStored(): Promise<void>;
  /** The last write failed: it may be long until the next one passes. */
  readonly isFailing: boolean;
  /** Ids taken and not stored yet. */
  readonly pendingIds: number;
  /** Ids that were let go because the database was down for longer than the buffer lasts. The audit cannot know them. */
  readonly droppedIds: number;
  /** Stores what is pending, for `deadlineMs` at most. */
  close(deadlineMs: number): Promise<void>;
}

export interface LedgerOptions {
  /** Ids kept in memory while they cannot be stored: about 100 bytes each. Default 1,000,000. */
  readonly pendingIdsMax?: number;
  /** Pause after a failed write, in ms. Default 500. */
  readonly retryDelayMs?: number;
  /** Told once when writing starts to fail and once when it works again. */
  readonly onStateChange?: (state: 'failing' | 'working', error?: unknown) => void;
}

interface PendingEntry extends LedgerEntry {
  readonly id: string;
  readonly stored: () => void;
}

/** Ids in one INSERT. */
const WRITE_IDS_MAX = 20_000;

export function createLedger(pool: Pool, options: LedgerOptions = {}): Ledger {
  const { pendingIdsMax = 1_000_000, retryDelayMs = 500, onStateChange } = options;
  let pending: PendingEntry[] = [];
  let pendingIds = 0;
  let droppedIds = 0;
  let failing = false;
  let lastStored = Promise.resolve();
  let writing: Promise<void> | undefined;
  const closing = new AbortController();

  async function write(): Promise<void> {
    while (pending.length > 0) {
      const entries = takeUpTo(pending, WRITE_IDS_MAX);
      try {
        await insert(pool, entries);
        if (failing) onStateChange?.('working');
        failing = false;
        pending = pending.slice(entries.length);
        for (const entry of entries) {
          pendingIds -= entry.ids.length;
          entry.stored();
        }
      } catch (error) {
        if (!failing) onStateChange?.('failing', error);
        failing = true;
        if (closing.signal.aborted) break;
        await pause(retryDelayMs, closing.signal);
      }
    }
    // At once, not when the promise is heard of: an entry that comes in between begins a write of its own.
    writing = undefined;
  }

  function start(): void {
    if (pending.length > 0) writing ??= write();
  }

  return {
    append(entry) {
      if (pendingIds + entry.ids.length > pendingIdsMax) {
        droppedIds += entry.ids.length;
        return Promise.resolve();
      }
      lastStored = new Promise((stored) => {
        pending.push({ ...entry, id: uuidv7(), stored });
        pendingIds += entry.ids.length;
        start();
      });
      return lastStored;
    },
    // Entries are stored in the order in which they came.
    whenStored: () => lastStored,
    get isFailing() {
      return failing;
    },
    get pendingIds() {
      return pendingIds;
    },
    get droppedIds() {
      return droppedIds;
    },
    async close(deadlineMs) {
      closing.abort();
      start();
      // The clock is stopped with the writing: left running, it would keep the process alive.
      const written = new AbortController();
      await Promise.race([writing?.finally(() => written.abort()), pause(deadlineMs, written.signal)]);
    },
  };
}

function takeUpTo(entries: readonly PendingEntry[], idsMax: number): PendingEntry[] {
  let ids = 0;
  const end = entries.findIndex((entry) => {
    ids += entry.ids.length;
    return ids > idsMax;
  });
  return end === -1 ? [...entries] : entries.slice(0, Math.max(1, end));
}

// Repeated after an unknown outcome with the same row ids, so that a row is there once.
async function insert(pool: Pool, entries: readonly PendingEntry[]): Promise<void> {
  const rows = entries.map(({ id, batchId, acceptedAt, ids }) => ({
    id,
    batch_id: batchId,
    accepted_at: acceptedAt,
    ids,
  }));
  await pool.query(
    `INSERT INTO acceptances (id, batch_id, accepted_at, ids)
     SELECT id, batch_id, accepted_at, ids
     FROM json_to_recordset($1) AS entry (id uuid, batch_id uuid, accepted_at timestamptz, ids uuid[])
     ON CONFLICT (id) DO NOTHING`,
    [JSON.stringify(rows)],
  );
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
