export {
  type JobEvents,
  type JobQueue,
  type JobWorker,
  openQueueBackend,
  type QueueBackend,
  type QueueBackendKind,
  type QueueBackendOptions,
} from './backend.js';
export { createJobCompletion, type JobCompletion } from './job-completion.js';
export { JOB_NAME, type KillsJob, QUEUE_NAME } from './kills-queue.js';
export {
  createProducer,
  type EnqueueOptions,
  type EnqueueResult,
  type EnqueueStatus,
  type Producer,
  QueueUnavailable,
} from './producer.js';
export { queueOptionsFromEnv } from './queue-config.js';
export type { Receipts, Reservation } from './receipts.js';
