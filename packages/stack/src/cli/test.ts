/** `npm test`: brings up the servers that the tests need, runs every test, tears down. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { prepareTestServer } from '@killfeed/db/testing';
import { findPgBouncer, findRedisServer, type PostgresServer, startPostgres } from '@killfeed/embedded';
import pc from 'picocolors';
import { DATA_FOLDER, fail, say, wholeNumber } from './cli.js';

const HELP = `Usage: npm test -- [--only unit|integration] [--concurrency N] [TEXT...]

Runs the compiled tests (*.test.js) of all packages and services; with TEXT, those whose path contains it.

KILLFEED_REQUIRE=all fails where a server that some tests need is not installed; otherwise they are left out.`;

const ROOT = join(import.meta.dirname, '../../../..');
const FOLDER = join(DATA_FOLDER, 'test');

/** A test file that has not ended by then has hung, or has left something open. */
const FILE_TIMEOUT_MS = 300_000;

const SERVERS = [
  { name: 'redis-server', suites: 'those of the Redis queue', find: findRedisServer, package: 'redis-server' },
  { name: 'pgbouncer', suites: 'those of PgBouncer', find: findPgBouncer, package: 'pgbouncer' },
];

try {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: 'string' },
      concurrency: { type: 'string', default: '2' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help) console.log(HELP);
  else await test(findFiles(values.only, positionals), wholeNumber('--concurrency', values.concurrency, 1, 64));
} catch (error) {
  fail('test', error);
}

async function test(files: string[], concurrency: number): Promise<void> {
  if (files.length === 0) throw new Error(`no test file fits ${process.argv.slice(2).join(' ')}`);
  const leftOut = await reportServers();
  const postgres = await openPostgres();
  try {
    const { passed, failed, skipped } = await runFiles(files, concurrency);
    for (const each of leftOut) console.log(pc.yellow(each));
    console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
    if (failed > 0 || passed === 0) process.exitCode = 1;
  } finally {
    await postgres.stop();
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

function findFiles(only: string | undefined, texts: readonly string[]): string[] {
  return ['packages', 'services']
    .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(group, name, 'dist')))
    .filter((dist) => existsSync(join(ROOT, dist)))
    .flatMap((dist) => readdirSync(join(ROOT, dist), { recursive: true, encoding: 'utf8' }).map((f) => join(dist, f)))
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => texts.length === 0 || texts.some((text) => file.includes(text)))
    .filter((file) => only === undefined || (only === 'integration') === file.includes('.integration.test.'))
    .map((file) => join(ROOT, file))
    .sort();
}

/** @returns what is left out and how to get it, one line each */
async function reportServers(): Promise<string[]> {
  const missing: string[] = [];
  for (const server of SERVERS) {
    if ((await server.find()) !== null) continue;
    missing.push(
      `LEFT OUT: ${server.suites}, for ${server.name} is not installed (Debian: apt-get install ${server.package}; macOS: brew install ${server.package.replace('-server', '')})`,
    );
  }
  if (missing.length > 0 && process.env.KILLFEED_REQUIRE === 'all') {
    throw new Error(`KILLFEED_REQUIRE=all, but:\n${missing.join('\n')}`);
  }
  for (const each of missing) console.log(pc.yellow(each));
  return missing;
}

async function openPostgres(): Promise<PostgresServer> {
  const dataDir = join(FOLDER, 'postgres');
  // Ends the server that a killed run left, and refuses to start beside a living one.
  if (existsSync(dataDir)) await (await startPostgres({ dataDir })).stop();
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  say('starting PostgreSQL for the tests');
  const postgres = await startPostgres({
    dataDir,
    // The data is thrown away: no test of this server is about its disk.
    settings: { fsync: 'off', max_connections: '300' },
  });
  await prepareTestServer(postgres.url);
  process.env.KILLFEED_TEST_POSTGRES_URL = postgres.url;
  return postgres;
}

async function runFiles(files: string[], concurrency: number) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const tests = run({ files, concurrency, timeout: FILE_TIMEOUT_MS });
  tests.on('test:pass', ({ skip, details }) => {
    if (details.type === 'suite') return;
    if (skip === undefined) counts.passed += 1;
    else counts.skipped += 1;
  });
  tests.on('test:fail', () => {
    counts.failed += 1;
  });
  const output = tests.compose(new spec());
  output.pipe(process.stdout, { end: false });
  await finished(output);
  return counts;
}
