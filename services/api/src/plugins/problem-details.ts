/** Answers every error as `application/problem+json` (RFC 9457) with a stable `code`. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { classifyError } from '@killfeed/db';
import { QueueUnavailable } from '@killfeed/queue';
import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { PROBLEMS, Problem } from '../problem.js';

/** Seconds after which a client may try again, when a store is away. */
const RETRY_AFTER_SECONDS = 2;

export const problemDetails = fp(
  async (app) => {
    const routes: { readonly method: string; readonly pattern: RegExp }[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+').replace(/\*/g, '.*')}$`);
      for (const each of [method].flat()) routes.push({ method: each, pattern });
    });

    app.setNotFoundHandler((request, reply) => {
      const path = request.url.split('?')[0] ?? '';
      const methods = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
      if (methods.length === 0) return send(request, reply, new Problem('not_found', `there is no route ${path}`));
      reply.header('allow', [...new Set(methods)].join(', '));
      return send(request, reply, new Problem('method_not_allowed', `${path} does not take ${request.method}`));
    });

    app.setErrorHandler((error: FastifyError, request, reply) => {
      const problem = toProblem(error);
      if (problem.status >= 500) {
        const facts = { err: problem.cause ?? error, code: problem.code };
        if (problem.code === 'internal') request.log.error(facts, 'request failed');
        else request.log.warn(facts, 'request refused');
      }
      return send(request, reply, problem);
    });
  },
  { name: 'problem-details' },
);

/** For errors that come before any route: a URL that cannot be decoded. */
export function sendFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  send(request, reply, new Problem('validation_failed', error.message));
}

/** For what the HTTP parser refuses: there is no request to answer, only a socket. */
export function sendClientError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const status = STATUS_BY_PARSER_CODE[error.code] ?? 400;
  const problem = new Problem('validation_failed', 'this is not HTTP that can be read', { status });
  const body = JSON.stringify(toDocument(problem));
  if (socket.writable) {
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}

const STATUS_BY_PARSER_CODE: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };

function send(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(toDocument(problem, request.url.slice(0, 500)));
}

function toDocument({ code, status, message, errors, members }: Problem, instance = ''): object {
  return {
    type: `/problems/${code}`,
    title: PROBLEMS[code][1],
    status,
    detail: message,
    instance,
    code,
    ...(errors === undefined ? {} : { errors }),
    ...members,
  };
}

function toProblem(error: FastifyError): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof QueueUnavailable) {
    return new Problem('queue_unavailable', PROBLEMS.queue_unavailable[1], { cause: error.cause });
  }
  if (error.validation !== undefined) {
    const errors = error.validation.map(({ instancePath, message = 'is not valid' }) => ({
      path: instancePath || (error.validationContext ?? ''),
      message,
    }));
    return new Problem('validation_failed', error.message, { errors });
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('body_too_large', error.message);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupported_media_type', error.message);
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Problem('malformed_json', error.message);
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new Problem('validation_failed', error.message, { status: error.statusCode });
  }
  const outcome = classifyError(error).class;
  if (outcome !== 'bug' && outcome !== 'data') {
    return new Problem('database_unavailable', PROBLEMS.database_unavailable[1], { cause: error });
  }
  // What went wrong is for the log, not for the client.
  return new Problem('internal', PROBLEMS.internal[1], { cause: error });
}
