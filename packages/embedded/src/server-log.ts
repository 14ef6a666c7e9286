import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const LOG_BYTES_MAX = 10 * 1024 * 1024;
const TAIL_BYTES = 8 * 1024;
const TAIL_LINES = 12;

/** Where one run of a server writes. `fd` is for the child; the parent closes its own copy. */
export interface ServerLog {
  readonly file: string;
  readonly fd: number;
  /** Bytes that were there before this run. */
  readonly startedAt: number;
}

/** Opens the log for appending. What has grown beyond 10 MiB is set aside as `<file>.old` first. */
export function openServerLog(file: string): ServerLog {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) renameSync(file, `${file}.old`);
  const fd = openSync(file, 'a', 0o600);
  return { file, fd, startedAt: fstatSync(fd).size };
}

/** The last lines that this run has written. */
export function readLogTail({ file, startedAt }: ServerLog): string {
  const fd = openSync(file, 'r');
  try {
    const end = fstatSync(fd).size;
    const start = Math.max(startedAt, end - TAIL_BYTES);
    const bytes = Buffer.alloc(Math.max(0, end - start));
    readSync(fd, bytes, 0, bytes.length, start);
    return bytes.toString('utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } finally {
    closeSync(fd);
  }
}
