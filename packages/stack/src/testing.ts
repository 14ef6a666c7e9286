/** For tests: a whole stack of one's own, with real processes, stopped and removed at the end. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createKillfeedClient, type KillfeedClient } from '@killfeed/client';
import { findRedisServer } from '@killfeed/embedded';
import type { QueueBackendKind } from '@killfeed/queue';
import { type Stack, type StackOptions, startStack } from './stack.js';

export interface TestStack extends Stack {
  readonly client: KillfeedClient;
}

type TestStackOptions = Pick<StackOptions, 'heroes' | 'enemies' | 'workers'> & {
  readonly queue: QueueBackendKind;
  readonly env?: NodeJS.ProcessEnv;
};

export const QUEUES: readonly QueueBackendKind[] = ['redis', 'postgres'];

/** Why tests of this queue are left out on this machine; false where they run. Never left out when everything is required. */
export async function leftOut(queue: QueueBackendKind): Promise<string | false> {
  if (queue === 'postgres' || process.env.KILLFEED_REQUIRE === 'all') return false;
  if ((await findRedisServer()) !== null) return false;
  return 'no redis-server on the PATH (Debian: apt-get install redis-server)';
}

export async function openTestStack(t: TestContext, options: TestStackOptions): Promise<TestStack> {
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-stack-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { queue, env, ...rest } = options;
  const { PATH, HOME } = process.env;
  const stack = await startStack({
    folder,
    env: { PATH, HOME, NODE_ENV: 'test', LOG_LEVEL: 'warn', QUEUE_BACKEND: queue, ...env },
    ...rest,
  });
  t.after(() => stack.stop());
  return { ...stack, client: createKillfeedClient({ baseUrl: stack.url, timeoutMs: 60_000 }) };
}

/** The real events that tests may read where they are; they are no part of the project. */
export function realEventsFile(name: string): { readonly file: string; readonly leftOut: string | false } {
  const file = join(import.meta.dirname, '../../../../shared/data/albion', name);
  return { file, leftOut: existsSync(file) ? false : `the real events are not here (${name})` };
}

/** Looks until the condition holds. @throws when it does not in time, with what was looked for */
export async function until(what: string, holds: () => Promise<boolean>, deadlineMs = 60_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
