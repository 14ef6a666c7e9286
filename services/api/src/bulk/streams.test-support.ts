import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface BulkAnswer {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejectedCount: number;
  readonly statusUrl: string;
}

/** Posts NDJSON, no faster than it is read. */
export async function postStream(
  port: number,
  body: Iterable<Buffer>,
  path = '/kills',
): Promise<{ status?: number; answer: BulkAnswer }> {
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', path, agent: false });
  request.setHeader('content-type', 'application/x-ndjson');
  const [[response]] = await Promise.all([
    once(request, 'response') as Promise<[http.IncomingMessage]>,
    pipeline(Readable.from(body), request),
  ]);
  const chunks = await response.toArray();
  return { status: response.statusCode ?? 0, answer: JSON.parse(Buffer.concat(chunks).toString()) };
}
