import { type Logger, pino } from 'pino';

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
    redact: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.connectionString', '*.url'],
  });
}
