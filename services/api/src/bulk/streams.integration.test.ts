import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { newKill, newKills, toLines } from '../outage.test-support.js';
import { leftOut, openTestApi, QUEUES, type TestApi, until } from '../testing.js';
import { postStream } from './streams.test-support.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MIB = 1024 * 1024;

for (const queue of QUEUES) {
  describe(`streams over a socket (${queue})`, { skip: await leftOut(queue) }, () => {
    let api: TestApi;
    let port: number;
    before(async () => {
      api = await openTestApi(queue);
      await api.app.listen({ port: 0, host: '127.0.0.1' });
      ({ port } = api.app.server.address() as AddressInfo);
    });
    after(() => api.close());

    test('takes 200 MB in constant memory and accounts for every line', async () => {
      const bad = Buffer.from(`${JSON.stringify({ heroId: 'x'.repeat(8000) })}\n`.repeat(8));
      const repeated = Buffer.from(`${JSON.stringify(newKill())}\n`.repeat(250));
      const overlong = Buffer.alloc(64 * 1024, 'x');
      let lines = 0;
      let bytes = 0;
      const send = (chunk: Buffer, linesInIt: number) => {
        bytes += chunk.length;
        lines += linesInIt;
        return chunk;
      };
      const memory: { kept: number; resident: number }[] = [];
      function* body(bytesMax: number) {
        bytes = 0;
        lines = 0;
        for (let round = 0; bytes < bytesMax; round += 1) {
          for (let n = 0; n < 60; n += 1) yield send(bad, 8);
          for (let n = 0; n < 20; n += 1) yield send(overlong, 0);
          yield send(Buffer.from('\n'), 1);
          yield send(Buffer.from(toLines(newKills(100))), 100);
          yield send(repeated, 250);
          if (round % 4 === 0) memory.push(measure());
        }
      }
      // What is loaded and compiled on the first use is not what a stream costs.
      await postStream(port, body(5 * MIB));
      memory.length = 0;

      const { status, answer } = await postStream(port, body(200 * MIB));
      assert.equal(status, 202);
      assert.equal(answer.accepted + answer.duplicates + answer.rejectedCount, lines);
      assert.equal((await api.app.inject(answer.statusUrl)).json().total, answer.accepted);
      const [first, ...more] = memory;
      assert.ok(first !== undefined && more.length > 5);
      // A chunk of items, the listed rejections and some slack: a twelfth of what was sent.
      const kept = Math.max(...more.map((each) => each.kept)) - first.kept;
      assert.ok(kept < 16 * MIB, `${Math.round(kept / MIB)} MiB more are kept`);
      const resident = Math.max(...more.map((each) => each.resident)) - first.resident;
      assert.ok(resident < 100 * MIB, `${Math.round(resident / MIB)} MiB more are resident`);
    });

    test('keeps what was accepted when the client goes away, and nothing of the rest', async () => {
      const before = await api.countQueued();
      const socket = await openStream(port);
      socket.write(chunked(toLines(newKills(600))));
      await until('jobs carry the first 500', async () => (await api.countQueued()).jobs >= before.jobs + 3);
      socket.destroy();
      await untilNoConnections(api);
      assert.equal((await api.countQueued()).receipts - before.receipts, 500);
      assert.equal((await api.app.inject('/health/live')).statusCode, 200);
    });

    test('survives clients that go away at any other point', async () => {
      const before = await api.countQueued();
      const beginnings = [
        'POST /kills HTTP/1.1\r\nhost: x\r\n',
        head('application/json', 'content-length: 1000'),
        `${head('application/json', 'content-length: 1000')}{"heroId":`,
        head('application/x-ndjson', 'content-length: 1000'),
        `${head('application/x-ndjson', 'content-length: 1000')}{"heroId":`,
        `${head('application/x-ndjson', 'transfer-encoding: chunked')}ff\r\n{`,
      ];
      for (const beginning of beginnings) {
        const socket = net.connect(port, '127.0.0.1');
        await once(socket, 'connect');
        await new Promise<void>((written) => {
          socket.write(beginning, () => written());
        });
        socket.resetAndDestroy();
      }
      await untilNoConnections(api);
      assert.deepEqual(await api.countQueued(), before);
    });

    const lies: Record<string, [string, number]> = {
      'a body that is shorter than its content-length': [`${head('application/json', 'content-length: 300')}{}`, 400],
      'a body that is longer than its content-length': [`${head('application/json', 'content-length: 3')}{"a":1}`, 400],
      'a content-length that is no number': [`${head('application/json', 'content-length: ten')}{}`, 400],
      'two lengths': [`${head('application/json', 'content-length: 2\r\ntransfer-encoding: chunked')}{}`, 400],
      'a chunk without a length': [`${head('application/x-ndjson', 'transfer-encoding: chunked')}zz\r\n{}\r\n`, 400],
      'headers without end': [head('application/json', `x-long: ${'x'.repeat(20_000)}`), 431],
      'what is not HTTP': ['HELO killfeed\r\n\r\n', 400],
    };
    for (const [name, [request, status]] of Object.entries(lies)) {
      test(`answers ${status} to ${name}, and queues nothing`, async () => {
        const before = await api.countQueued();
        const answer = await exchange(port, request);
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} [^]*content-type: application/problem\\+json`, 'i'));
        assert.deepEqual(await api.countQueued(), before);
      });
    }
  });
}

function head(type: string, ...more: string[]): string {
  return ['POST /kills HTTP/1.1', 'host: localhost', `content-type: ${type}`, ...more, '', ''].join('\r\n');
}

function chunked(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

async function openStream(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(head('application/x-ndjson', 'transfer-encoding: chunked'));
  return socket;
}

/** Sends all of it, ends, and gives what came back. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  // A reset after the answer is part of what is looked at here.
  socket.on('error', () => {});
  socket.end(text);
  await once(socket, 'close').catch(() => {});
  return answer;
}

function untilNoConnections({ app }: TestApi): Promise<void> {
  const count = () =>
    new Promise<number>((resolve) => {
      app.server.getConnections((_error, connections) => resolve(connections));
    });
  return until('every connection is gone', async () => (await count()) === 0);
}

function measure(): { kept: number; resident: number } {
  collectGarbage();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { kept: heapUsed + arrayBuffers, resident: rss };
}
