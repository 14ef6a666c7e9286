import type { Page } from '@killfeed/db';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LIMIT_DEFAULT } from './schemas.js';

/** Says where the next page is (`Link: rel="next"`), so that the body stays a plain array. */
export function sendPage<Row>(request: FastifyRequest, reply: FastifyReply, { rows, next }: Page<Row>): FastifyReply {
  if (next !== undefined) {
    const url = new URL(request.url, 'http://localhost');
    url.searchParams.set('cursor', next);
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  return reply.send(rows);
}

/** What the reader takes, from what the query string says. */
export function pageOf({ limit = LIMIT_DEFAULT, cursor }: { limit?: number; cursor?: string }): {
  limit: number;
  after?: string;
} {
  return cursor === undefined ? { limit } : { limit, after: cursor };
}
