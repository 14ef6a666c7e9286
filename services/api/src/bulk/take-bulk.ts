/** Bulk requests: an array, or NDJSON without end. Each item stands for itself; a bad one does not sink the rest. */

import type { Readable } from 'node:stream';
import { type EnqueueResult, QueueUnavailable } from '@killfeed/queue';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import type { BatchItem, Intake } from '../intake.js';
import { parseJson } from '../plugins/body-parsers.js';
import { Problem, type ProblemError } from '../problem.js';
import { readLines } from './item-lines.js';

/** How the items of one route are read. */
export interface ItemReader {
  /** The command of an item, or what is wrong with it. */
  read(item: unknown): BatchItem | { readonly errors: readonly ProblemError[] };
  /** What to name an item by in the answer, as far as it can be seen. */
  nameOf(item: unknown): { readonly id?: string } | { readonly eventId?: number };
  /** Longest line of NDJSON, in bytes. */
  readonly lineBytesMax: number;
}

export interface BulkAnswer {
  accepted: number;
  duplicates: number;
  rejected: Rejection[];
  rejectedCount: number;
  batchIds: string[];
  statusUrl: string;
}

interface Rejection {
  readonly index: number;
  readonly id?: string;
  readonly eventId?: number;
  readonly code: string;
  readonly detail: string;
}

/** Items in an array; more are a stream's job. */
export const ARRAY_ITEMS_MAX = 1000;
/** Rejections listed in the answer; the rest are only counted. */
const REJECTIONS_LISTED_MAX = 1000;
/** Items of a stream enqueued together, and their bytes: what bounds the memory of a stream. */
const CHUNK_ITEMS_MAX = 500;
const CHUNK_BYTES_MAX = 1024 * 1024;

/** @throws {Problem} validation_failed for an empty or too long array, or when no item was accepted */
export async function takeArray(
  intake: Intake,
  reader: ItemReader,
  items: readonly unknown[],
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (items.length === 0 || items.length > ARRAY_ITEMS_MAX) {
    const message = `an array takes 1 to ${ARRAY_ITEMS_MAX} items, not ${items.length}; send more as application/x-ndjson`;
    throw new Problem('validation_failed', message, { errors: [{ path: '', message }] });
  }
  const bulk = createBulk(intake, reader);
  for (const item of items) bulk.add(item);
  await bulk.flush();
  return answer(intake, bulk.answer, reply);
}

/**
 * Enqueues as it reads; the stream is read no faster than the queue takes it.
 *
 * @throws {Problem} validation_failed when no item was accepted; queue_unavailable, with the counts so far
 */
export async function takeStream(
  intake: Intake,
  reader: ItemReader,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const bulk = createBulk(intake, reader);
  // Left open on an early end: destroying the request would take the answer's socket with it.
  const body = (request.body as Readable).iterator({ destroyOnReturn: false });
  try {
    for await (const line of readLines(body, reader.lineBytesMax)) {
      if ('tooLong' in line) bulk.reject('body_too_large', `a line takes ${reader.lineBytesMax} bytes at most`);
      else bulk.addLine(line.bytes);
      if (bulk.isFull) await bulk.flush();
    }
    await bulk.flush();
  } catch (error) {
    if (request.raw.readableAborted) throw new Problem('validation_failed', 'the client went away', { cause: error });
    if (!(error instanceof QueueUnavailable)) throw error;
    reply.header('connection', 'close');
    const { accepted, duplicates, rejectedCount, batchIds, statusUrl } = bulk.answer;
    const members = { accepted, duplicates, rejectedCount, batchIds, statusUrl };
    const detail = `the queue went away after at least ${accepted} items were accepted; send the stream again with the same ids`;
    throw new Problem('queue_unavailable', detail, { members, cause: error });
  }
  return answer(intake, bulk.answer, reply);
}

function createBulk(intake: Intake, reader: ItemReader) {
  const batchId = uuidv7();
  const statusUrl = `/batches/${batchId}`;
  const answer: BulkAnswer = {
    accepted: 0,
    duplicates: 0,
    rejected: [],
    rejectedCount: 0,
    batchIds: [batchId],
    statusUrl,
  };
  let index = 0;
  let chunk: { readonly index: number; readonly item: BatchItem; readonly source: unknown }[] = [];
  let chunkBytes = 0;

  function reject(rejection: Rejection): void {
    answer.rejectedCount += 1;
    if (answer.rejected.length < REJECTIONS_LISTED_MAX) answer.rejected.push(rejection);
  }

  function add(source: unknown): void {
    const result = reader.read(source);
    if ('errors' in result) {
      const detail = result.errors.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
      reject({ index, ...reader.nameOf(source), code: 'validation_failed', detail });
    } else {
      chunk.push({ index, item: result, source });
    }
    index += 1;
  }

  function count({ status }: EnqueueResult, position: number): void {
    const entry = chunk[position];
    if (status === 'accepted') answer.accepted += 1;
    else if (status !== 'conflict') answer.duplicates += 1;
    else if (entry !== undefined) {
      const detail = 'the id was used for another payload before';
      reject({ index: entry.index, ...reader.nameOf(entry.source), code: 'id_conflict', detail });
    }
  }

  return {
    answer,
    add,
    addLine(bytes: Buffer): void {
      chunkBytes += bytes.length;
      try {
        add(parseJson(bytes));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        this.reject(error.code, error.message);
      }
    },
    reject(code: string, detail: string): void {
      reject({ index, code, detail });
      index += 1;
    },
    get isFull(): boolean {
      return chunk.length >= CHUNK_ITEMS_MAX || chunkBytes >= CHUNK_BYTES_MAX;
    },
    async flush(): Promise<void> {
      chunkBytes = 0;
      if (chunk.length === 0) return;
      const results = await intake.takeBatch(
        chunk.map(({ item }) => item),
        batchId,
      );
      results.forEach(count);
      chunk = [];
    },
  };
}

async function answer(intake: Intake, bulk: BulkAnswer, reply: FastifyReply): Promise<FastifyReply> {
  if (bulk.accepted + bulk.duplicates === 0) {
    const detail = bulk.rejectedCount === 0 ? 'the stream has no items' : 'no item was accepted';
    // No batch: there is nothing that its status could tell of.
    const { accepted, duplicates, rejected, rejectedCount } = bulk;
    throw new Problem('validation_failed', detail, {
      status: 422,
      members: { accepted, duplicates, rejected, rejectedCount },
    });
  }
  await intake.whenBatchCounts(bulk.batchIds[0] ?? '', bulk.accepted);
  return reply.code(202).header('location', bulk.statusUrl).send(bulk);
}
