import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { claimPort } from './claim-port.js';
import { describePortUser, freePort } from './ports.js';

async function listen(t: TestContext, host: string): Promise<number> {
  const server = net.createServer().listen(0, host);
  t.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

test('gives free ports, each to one caller, below the ephemeral range', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  assert.equal(new Set(ports).size, 20);
  for (const port of ports) {
    assert.equal(await describePortUser(port), null);
    assert.ok(port >= 20_000 && port < 32_768, `${port}`);
  }
});

for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::']) {
  test(`names the process that listens on ${host}`, { skip: process.platform !== 'linux' }, async (t) => {
    const port = await listen(t, host);
    assert.equal(await describePortUser(port), `pid ${process.pid} (node)`);
  });
}

test('refuses a port in use with its number and its user', async (t) => {
  const port = await listen(t, '127.0.0.1');
  await assert.rejects(claimPort('PostgreSQL', port), {
    name: 'ServerStartError',
    message: new RegExp(
      `^PostgreSQL did not start: port ${port} on 127\\.0\\.0\\.1 is in use by .+\\nStop that program`,
    ),
  });
});

test('waits for a port that is being given up', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const claimed = claimPort('Redis', port);
  setImmediate(() => server.close());
  assert.equal(await claimed, port);
});
