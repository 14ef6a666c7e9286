import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openTestDatabase } from '@killfeed/db/testing';
import type { Accepted, KillEnemy, RecordKillEvent } from '@killfeed/domain';
import { findRedisServer, startRedis } from '@killfeed/embedded';
import {
  type JobQueue,
  openQueueBackend,
  type QueueBackend,
  type QueueBackendKind,
  type QueueBackendOptions,
} from './backend.js';
import type { KillsJob } from './kills-queue.js';
import { createProducer, type ProducerOptions } from './producer.js';
import type { Receipts, Reservation } from './receipts.js';

export const QUEUES: readonly QueueBackendKind[] = ['redis', 'postgres'];

/** Why tests of this queue are left out here; false where they run. Never left out when everything is required. */
export async function leftOut(queue: QueueBackendKind): Promise<string | false> {
  if (queue === 'postgres' || process.env.KILLFEED_REQUIRE === 'all') return false;
  if ((await findRedisServer()) !== null) return false;
  return 'no redis-server on the PATH (Debian: apt-get install redis-server)';
}

export interface TestQueue {
  readonly backend: QueueBackend;
  /** Opens the same queue once more. */
  open(options?: Partial<QueueBackendOptions>): Promise<QueueBackend>;
  /** Closes all of it and removes the data. */
  close(): Promise<void>;
}

export async function openTestQueue(kind: QueueBackendKind): Promise<TestQueue> {
  const server = kind === 'redis' ? await openRedis() : await openTestDatabase();
  const backends: QueueBackend[] = [];
  const open = async (options: Partial<QueueBackendOptions> = {}) => {
    const backend = await openQueueBackend({ kind, url: server.url, timeoutMs: 5000, ...options });
    backends.push(backend);
    await until('the queue answers', () =>
      backend.ping().then(
        () => true,
        () => false,
      ),
    );
    return backend;
  };
  return {
    backend: await open(),
    open,
    async close() {
      for (const backend of backends) await backend.close();
      await server.close();
    },
  };
}

async function openRedis(): Promise<{ url: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-queue-'));
  const server = await startRedis({ dataDir: folder });
  return {
    url: server.url,
    async close() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function newKill(more: Partial<KillEnemy> = {}): Accepted<KillEnemy> {
  const command = {
    type: 'KillEnemy' as const,
    id: randomUUID(),
    heroId: randomUUID(),
    enemyId: randomUUID(),
    ...more,
  };
  return { command, payloadHash: 'hash', acceptedAt: new Date().toISOString() };
}

/** An event whose JSON has about that many characters. */
export function newEvent(characters: number): Accepted<RecordKillEvent> {
  const player = { id: 'a', name: 'Ada', guild: null, alliance: null };
  const command = {
    type: 'RecordKillEvent' as const,
    id: randomUUID(),
    server: 'europe' as const,
    eventId: 1,
    occurredAt: '2024-08-18T20:11:12Z',
    fame: 0,
    killer: player,
    victim: player,
    event: { text: 'x'.repeat(characters) },
  };
  return { command, payloadHash: command.id, acceptedAt: new Date().toISOString() };
}

export function idOf({ command }: Accepted): string {
  return command.id;
}

/** Receipts as the stores keep them, for tests that need no store. */
export function createMemoryReceipts(): Receipts {
  const held = new Map<string, { accepted: Accepted; queued: boolean }>();
  return {
    async reserve(accepted) {
      return accepted.map((item): Reservation => {
        const receipt = held.get(idOf(item));
        if (receipt === undefined) {
          held.set(idOf(item), { accepted: item, queued: false });
          return { state: 'new' };
        }
        return { state: receipt.queued ? 'queued' : 'reserved', payloadHash: receipt.accepted.payloadHash };
      });
    },
    async markQueued(ids) {
      for (const id of ids) {
        const receipt = held.get(id);
        if (receipt !== undefined) receipt.queued = true;
      }
    },
    async drop(ids) {
      for (const id of ids) held.delete(id);
    },
    find: async (id) => held.get(id)?.accepted ?? null,
    findHeld: async (ids) => new Set(ids.filter((id) => held.has(id))),
    async listUnqueued(before, limit) {
      return [...held.values()]
        .filter(({ accepted, queued }) => !queued && Date.parse(accepted.acceptedAt) < before.getTime())
        .slice(0, limit)
        .map(({ accepted }) => accepted);
    },
  };
}

type AddedJob = Parameters<JobQueue['addBulk']>[0][number];

/** A producer on a queue that only remembers what it was given. */
export function openTestProducer(options: Partial<ProducerOptions> = {}) {
  const receipts = createMemoryReceipts();
  const writes: AddedJob[][] = [];
  const accepted: string[] = [];
  const expected: string[] = [];
  const queue: JobQueue = {
    addBulk: async (jobs) => writes.push(jobs),
    getJobCounts: async () => ({}),
    close: async () => {},
  };
  const producer = createProducer({
    queue,
    receipts,
    findSettled: async () => new Map(),
    onAccepted: (items) => accepted.push(...items.map(idOf)),
    expectJob: (jobId) => expected.push(jobId),
    ...options,
  });
  const jobs = () => writes.flat().map(({ data }) => data as KillsJob);
  return { producer, receipts, queue, writes, jobs, accepted, expected };
}

export const statusesOf = (results: readonly { status: string }[]) => results.map(({ status }) => status);

/** Closes what a test opened, the last first. */
export function openScope(t: TestContext): (close: () => Promise<unknown>) => void {
  const closes: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const close of closes.reverse()) await close();
  });
  return (close) => closes.push(close);
}

/** Looks until the condition holds. @throws when it does not in time, with what was looked for */
export async function until(what: string, holds: () => Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
