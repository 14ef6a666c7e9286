/** Answers every error as `application/problem+json` (RFC 9457) with a stable `code`. */
import { classifyError } from '@killfeed/db';
import { QueueUnavailable } from '@killfeed/queue';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
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

function send(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  const { code, status, message, errors, members } = problem;
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({
      type: `/problems/${code}`,
      title: PROBLEMS[code][1],
      status,
      detail: message,
      instance: request.url.slice(0, 500),
      code,
      ...(errors === undefined ? {} : { errors }),
      ...members,
    });
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
  if (classifyError(error).class !== 'bug') {
    return new Problem('database_unavailable', PROBLEMS.database_unavailable[1], { cause: error });
  }
  // What went wrong is for the log, not for the client.
  return new Problem('internal', PROBLEMS.internal[1], { cause: error });
}
