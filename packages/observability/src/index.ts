export { type CheckState, stateOf } from './check.js';
export { createLogger, type Logger, type LoggerOptions } from './logger.js';
export { Counter, createRegistry, Gauge, Histogram, type Registry } from './metrics.js';
