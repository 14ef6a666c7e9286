/** Takes JSON that is valid UTF-8 and free of prototype tricks, and NDJSON as the stream it is. */
import { isUtf8 } from 'node:buffer';
import fp from 'fastify-plugin';
import { parse as parseSecurely } from 'secure-json-parse';
import { Problem } from '../problem.js';

export const NDJSON = ['application/x-ndjson', 'application/ndjson'];

export const bodyParsers = fp(
  async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
      parseJson(body),
    );
    app.addContentTypeParser(NDJSON, async (_request: unknown, payload: unknown) => payload);
  },
  { name: 'body-parsers' },
);

/** @throws {Problem} malformed_json */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new Problem('malformed_json', 'the text is not valid UTF-8');
  try {
    return parseSecurely(body.toString(), { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    throw new Problem('malformed_json', error instanceof Error ? error.message.slice(0, 200) : 'not JSON');
  }
}
