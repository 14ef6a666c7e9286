/** Splits a stream into lines, holding one line at a time. */

export type Line = { readonly bytes: Buffer } | { readonly tooLong: true };

const NEWLINE = 0x0a;

/**
 * Yields the lines that are not blank. A line longer than `bytesMax` is given as `tooLong`, its bytes are let go as
 * they come.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;

  function add(part: Buffer): void {
    length += part.length;
    if (length <= bytesMax) parts.push(part);
    else parts = [];
  }

  function* finish(): Generator<Line> {
    const bytes = Buffer.concat(parts);
    if (length > bytesMax) yield { tooLong: true };
    else if (!isBlank(bytes)) yield { bytes };
    parts = [];
    length = 0;
  }

  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      yield* finish();
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  yield* finish();
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
