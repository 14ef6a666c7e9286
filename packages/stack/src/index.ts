export { auditStack } from './demo.js';
export { type Kill, type LoadReport, percentile, postKills } from './load.js';
export { type ServiceProcess, startService } from './service-process.js';
export { type Stack, type StackOptions, startStack } from './stack.js';
