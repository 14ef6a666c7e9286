/** Takes JSON that is valid UTF-8 and free of prototype tricks; and NDJSON, as the stream it is, where a route wants it. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { parse as parseSecurely } from 'secure-json-parse';
import { Problem } from '../problem.js';

const NDJSON = ['application/x-ndjson', 'application/ndjson'];

export const bodyParsers = fp(
  async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
      parseJson(body),
    );
  },
  { name: 'body-parsers' },
);

/** Lets the routes of one plugin take NDJSON; the others go on answering 415. */
export function takeNdjson(app: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  app.addContentTypeParser(NDJSON, async (_request: unknown, payload: unknown) => payload);
}

/** @throws {Problem} malformed_json */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new Problem('malformed_json', 'the text is not valid UTF-8');
  try {
    return parseSecurely(body.toString(), { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    throw new Problem('malformed_json', error instanceof Error ? error.message.slice(0, 200) : 'not JSON');
  }
}
