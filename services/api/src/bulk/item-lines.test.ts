import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readLines } from './item-lines.js';

const MAX = 1000;

async function linesOf(chunks: Iterable<Buffer | string>, bytesMax = MAX): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(stream(chunks), bytesMax)) {
    lines.push('tooLong' in line ? '(too long)' : line.bytes.toString());
  }
  return lines;
}

async function* stream(chunks: Iterable<Buffer | string>): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe('reading lines', () => {
  test('gives the lines of a chunk', async () => {
    assert.deepEqual(await linesOf(['a\nb\nc\n']), ['a', 'b', 'c']);
  });

  test('gives the last line without a newline too', async () => {
    assert.deepEqual(await linesOf(['a\nb']), ['a', 'b']);
    assert.deepEqual(await linesOf(['ab']), ['ab']);
  });

  test('leaves out blank lines', async () => {
    assert.deepEqual(await linesOf(['\n\n  \n\t\r\na\n\n \n']), ['a']);
    assert.deepEqual(await linesOf([]), []);
    assert.deepEqual(await linesOf(['\n']), []);
  });

  test('takes CRLF, which JSON reads as white space', async () => {
    const lines = await linesOf(['{"a":1}\r', '\n{"b":2}\r\n\r\n']);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [{ a: 1 }, { b: 2 }],
    );
  });

  test('takes a line of the longest length, and gives the next byte as too long', async () => {
    assert.deepEqual(await linesOf(['12345\n123456\n1234'], 5), ['12345', '(too long)', '1234']);
    assert.deepEqual(await linesOf(['1', '2345', '6', '\n', '12', '345'], 5), ['(too long)', '12345']);
    assert.deepEqual(await linesOf(['123456'], 5), ['(too long)']);
  });

  test('gives the same lines however the bytes are cut, within a character too', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', '\n', '\r\n', ' ', 'é', '𝄞'), maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.nat(200), { maxLength: 10 }),
        fc.integer({ min: 1, max: 12 }),
        async (all, cuts, max) => {
          const expected = all
            .split('\n')
            .filter((line) => line.trim() !== '')
            .map((line) => (Buffer.byteLength(line) > max ? '(too long)' : line));
          const lines = await linesOf(cutAt(Buffer.from(all), cuts), max);
          // A line of white space alone is blank, unless it is too long to be kept.
          assert.deepEqual(
            lines.filter((line) => line !== '(too long)'),
            expected.filter((line) => line !== '(too long)'),
          );
          assert.ok(lines.length >= expected.length);
        },
      ),
    );
  });

  test('lets go of an overlong line as it comes', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    async function* endless() {
      for (let sent = 0; sent < 2000; sent += 1) yield Buffer.from(chunk);
      const { arrayBuffers } = process.memoryUsage();
      assert.ok(arrayBuffers < before + 64 * 1024 * 1024, `${arrayBuffers - before} bytes of 125 MiB are kept`);
      yield Buffer.from('\n{}');
    }
    const before = process.memoryUsage().arrayBuffers;
    const lines = [];
    for await (const line of readLines(endless(), MAX)) lines.push(line);
    assert.deepEqual(lines, [{ tooLong: true }, { bytes: Buffer.from('{}') }]);
  });

  test('ends with the error of a stream that breaks off', async () => {
    async function* broken() {
      yield Buffer.from('a\nb');
      throw new Error('reset');
    }
    const lines: string[] = [];
    await assert.rejects(async () => {
      for await (const line of readLines(broken(), MAX)) lines.push('tooLong' in line ? '' : line.bytes.toString());
    }, /reset/);
    assert.deepEqual(lines, ['a']);
  });
});

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}
