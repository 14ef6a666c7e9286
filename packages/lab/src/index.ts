export { type BenchOptions, type BenchReport, type CaseReport, runBench } from './bench.js';
