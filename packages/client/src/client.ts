import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './generated/api.js';

export type { components, paths };

/** A client whose paths, parameters and answers are typed by the API's own OpenAPI document. */
export type KillfeedClient = Client<paths>;

export interface KillfeedClientOptions {
  /** Where the API is, such as `http://localhost:3000`. */
  readonly baseUrl: string;
  /** One attempt's deadline, in ms. Default 15000: longer than the combat routes wait. */
  readonly timeoutMs?: number;
}

/** Makes a client; it opens nothing and needs no closing. */
export function createKillfeedClient({ baseUrl, timeoutMs = 15_000 }: KillfeedClientOptions): KillfeedClient {
  return createClient<paths>({
    baseUrl,
    fetch: (request) => fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]) }),
  });
}
