/** The request headers of a single kill: `Idempotency-Key`, and `Prefer` (RFC 7240). */
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import { UUID_PATTERN } from '../schemas.js';

/** Longest wait that `Prefer: wait=N` may ask for, in seconds. */
export const WAIT_SECONDS_MAX = 30;

const UUID = new RegExp(UUID_PATTERN);

/**
 * The client's id, from the body or the `Idempotency-Key` header (bare or quoted), in lower case.
 *
 * @throws {Problem} validation_failed when the header is no UUID, or when the two differ
 */
export function clientIdOf(request: FastifyRequest, bodyId?: string): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return bodyId?.toLowerCase();
  const key = String(header).replace(/^"(.*)"$/, '$1');
  if (!UUID.test(key)) {
    throw invalid('idempotency-key', 'the Idempotency-Key header must be a UUID');
  }
  if (bodyId !== undefined && bodyId.toLowerCase() !== key.toLowerCase()) {
    throw invalid('idempotency-key', 'the Idempotency-Key header and the id in the body differ; send one of them');
  }
  return key.toLowerCase();
}

/**
 * How long the client wants to wait for the outcome, in ms; undefined if it does not say, 0 for `respond-async` alone.
 * Both together mean: asynchronously, if it takes longer than that.
 */
export function preferredWaitMs(request: FastifyRequest): number | undefined {
  const preferences = String(request.headers.prefer ?? '')
    .split(',')
    .map((preference) => preference.split(';')[0]?.trim().toLowerCase() ?? '');
  for (const preference of preferences) {
    const seconds = /^wait\s*=\s*"?(\d+)"?$/.exec(preference)?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds), WAIT_SECONDS_MAX) * 1000;
  }
  return preferences.includes('respond-async') ? 0 : undefined;
}

function invalid(path: string, message: string): Problem {
  return new Problem('validation_failed', message, { errors: [{ path, message }] });
}
