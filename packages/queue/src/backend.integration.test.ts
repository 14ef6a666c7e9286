import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type EmbeddedServer, freePort, startPostgres, startRedis } from '@killfeed/embedded';
import { openQueueBackend, type QueueBackend, type QueueBackendKind } from './backend.js';
import { leftOut, newKill, openScope, QUEUES, until } from './test-support.js';

type AtEnd = ReturnType<typeof openScope>;

interface TestServer {
  readonly url: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** A server of the test's own, to be killed. */
async function openServer(atEnd: AtEnd, kind: QueueBackendKind, port?: number): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'killfeed-queue-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const start = (at?: number): Promise<EmbeddedServer> =>
    kind === 'redis'
      ? startRedis({ dataDir: join(folder, 'redis'), port: at })
      : startPostgres({ dataDir: join(folder, 'postgres'), port: at, settings: { fsync: 'off' } });
  let server = await start(port);
  atEnd(() => server.stop());
  return {
    url: server.url,
    async kill() {
      server.kill();
      await server.exited;
    },
    async restart() {
      server = await start(server.port);
    },
  };
}

async function answers(backend: QueueBackend): Promise<boolean> {
  return backend.ping().then(
    () => true,
    () => false,
  );
}

for (const kind of QUEUES) {
  describe(`the store of the queue (${kind})`, { skip: await leftOut(kind) }, () => {
    test('tells once that it went away, once that it is back, and goes on', async (t) => {
      const atEnd = openScope(t);
      const server = await openServer(atEnd, kind);
      const news: string[] = [];
      const backend = await openQueueBackend({ kind, url: server.url, onStateChange: (state) => news.push(state) });
      atEnd(() => backend.close());
      await until('it answers', () => answers(backend));
      const queue = await backend.openQueue();
      atEnd(() => queue.close());
      // Several connections, each of which will be lost.
      await Promise.all(Array.from({ length: 20 }, () => backend.ping()));
      await server.kill();
      await until('it is missed', async () => !(await answers(backend)));
      await server.restart();
      await until('it answers again', () => answers(backend));
      assert.deepEqual(news, ['up', 'down', 'up']);

      await queue.addBulk([{ name: 'x', data: { version: 1, accepted: [newKill()] }, opts: {} }]);
      const { waiting, wait } = await queue.getJobCounts();
      assert.equal(waiting ?? wait, 1);
    });
  });
}

test('opens while Redis is away, and works when it comes', { skip: await leftOut('redis') }, async (t) => {
  const atEnd = openScope(t);
  const former = await openServer(atEnd, 'redis');
  await former.kill();
  const backend = await openQueueBackend({ kind: 'redis', url: former.url, timeoutMs: 500 });
  atEnd(() => backend.close());
  const queue = await backend.openQueue();
  atEnd(() => queue.close());
  const job = { name: 'x', data: { version: 1 as const, accepted: [newKill()] }, opts: {} };
  await assert.rejects(backend.ping());
  await former.restart();
  await until('it answers', () => answers(backend));
  await queue.addBulk([job]);
});

test('does not open while PostgreSQL is away, and leaves nothing behind', async () => {
  const url = `postgresql://postgres@127.0.0.1:${await freePort()}/killfeed`;
  await assert.rejects(openQueueBackend({ kind: 'postgres', url, timeoutMs: 500 }), /ECONNREFUSED/);
});

test('opens neither queue, worker nor events on a PostgreSQL that went away since', async (t) => {
  const atEnd = openScope(t);
  const server = await openServer(atEnd, 'postgres');
  const backend = await openQueueBackend({ kind: 'postgres', url: server.url, timeoutMs: 500 });
  atEnd(() => backend.close());
  await server.kill();
  await assert.rejects(backend.openQueue());
  await assert.rejects(backend.openQueueEvents());
  await assert.rejects(backend.openWorker(async () => {}, 1));
});
