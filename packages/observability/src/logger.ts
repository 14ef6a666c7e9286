import { type Logger, pino, stdSerializers } from 'pino';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** `api`, `kills-worker`: on every line. */
  readonly service: string;
  /** Default `info`. */
  readonly level?: string;
}

/** JSON lines on stdout. What could carry a secret is taken out, wherever it stands in a line. */
export function createLogger({ service, level = 'info' }: LoggerOptions): Logger {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
    redact: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.connectionString', '*.url'],
  });
}

// Drivers hang the refused command with all its arguments on the error: values that are no business of a log, and a line
// as large as the request.
function describeError(error: Error): object {
  const { type, message, stack } = stdSerializers.err(error);
  const { code } = error as { code?: unknown };
  return { type, message, ...(code === undefined ? {} : { code }), stack };
}
