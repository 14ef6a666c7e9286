/** Holds the deployment files to each other and to the code, by reading them: no server, no Docker. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../../..');
const HEALTH_PATH = '/health';

interface ComposeService {
  readonly image: string;
  readonly build?: { readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string | null>>;
  readonly ports?: readonly string[];
  readonly container_name?: string;
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Railway {
  readonly build: { readonly builder: string; readonly dockerfilePath: string };
  readonly deploy: {
    readonly preDeployCommand: readonly string[];
    readonly startCommand: string;
    readonly healthcheckPath: string;
    readonly healthcheckTimeout: number;
    readonly restartPolicyType: string;
    readonly overlapSeconds: number;
    readonly drainingSeconds: number;
  };
}

const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
const dockerfile = text('deploy/docker/Dockerfile');
const compose = parse(text('docker-compose.yml'), { merge: true }) as { services: Record<string, ComposeService> };
const railway = {
  root: json<Railway>('railway.json'),
  api: json<Railway>('services/api/railway.json'),
  'kills-worker': json<Railway>('services/kills-worker/railway.json'),
};
const START = { api: scripts['start:api'], 'kills-worker': scripts['start:kills'], migrate: scripts['db:migrate'] };

test('every start command is the one of package.json, and its file is there after a build', () => {
  for (const [name, command] of Object.entries(START)) {
    assert.equal(service(name).command?.join(' '), command, name);
    const [program, file] = command?.split(' ') ?? [];
    assert.equal(program, 'node', 'npm and pnpm do not pass SIGTERM on');
    assert.ok(file !== undefined && existsSync(join(ROOT, file)), `${file} is missing`);
  }
  assert.equal((JSON.parse(dockerfile.match(/^CMD (.+)$/m)?.[1] ?? '[]') as string[]).join(' '), START.api);
  assert.equal(railway.api.deploy.startCommand, START.api);
  assert.equal(railway['kills-worker'].deploy.startCommand, START['kills-worker']);
});

test('railway.json at the root is the one of the API', () => {
  assert.deepEqual(railway.root, railway.api);
});

test('railway builds the image that compose runs, and migrates before it starts', () => {
  for (const { build, deploy } of Object.values(railway)) {
    assert.deepEqual(build, { builder: 'DOCKERFILE', dockerfilePath: service('migrate').build?.dockerfile });
    assert.ok(existsSync(join(ROOT, build.dockerfilePath)));
    assert.deepEqual(deploy.preDeployCommand, [START.migrate]);
    assert.equal(deploy.restartPolicyType, 'ON_FAILURE');
  }
});

test('compose starts the services after the migrations, from one image', () => {
  for (const name of ['api', 'kills-worker']) {
    assert.equal(service(name).image, service('migrate').image);
    assert.deepEqual(service(name).depends_on, {
      migrate: { condition: 'service_completed_successfully' },
      pgbouncer: { condition: 'service_healthy' },
      redis: { condition: 'service_healthy' },
    });
  }
});

test('all look at the same health path, which the API has', () => {
  const { paths } = json<{ paths: Record<string, unknown> }>('docs/openapi.json');
  assert.ok(HEALTH_PATH in paths);
  assert.match(dockerfile, new RegExp(`^HEALTHCHECK .*\\\\\n.*\\$\\{process\\.env\\.PORT\\}${HEALTH_PATH}\``, 'm'));
  for (const { deploy } of Object.values(railway)) {
    assert.equal(deploy.healthcheckPath, HEALTH_PATH);
    assert.equal(deploy.healthcheckTimeout, 300);
  }
});

test('whoever stops a process waits longer than it takes to leave', () => {
  const shutdownSeconds = Number(text('.env.example').match(/^#SHUTDOWN_TIMEOUT_MS=(\d+)$/m)?.[1]) / 1000;
  for (const name of ['api', 'kills-worker']) {
    assert.ok(Number.parseInt(service(name).stop_grace_period ?? '', 10) > shutdownSeconds, name);
  }
  for (const { deploy } of Object.values(railway)) {
    assert.ok(deploy.drainingSeconds > shutdownSeconds);
    assert.ok(deploy.overlapSeconds > 0);
  }
});

test('there can be many workers on one machine', () => {
  const { ports, container_name } = service('kills-worker');
  assert.deepEqual([ports, container_name], [undefined, undefined]);
});

test('nothing is published but the API, to this machine', () => {
  const published = Object.entries(compose.services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => [name, port.split(':')[0]]),
  );
  assert.deepEqual(published, [['api', '127.0.0.1']]);
});

test('every variable that is set is one that the code reads', () => {
  const known = [...text('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
  const set = [
    ...['api', 'kills-worker', 'migrate'].flatMap((name) => Object.keys(service(name).environment)),
    ...[...dockerfile.matchAll(/\b([A-Z][A-Z0-9_]*)=/g)].map(([, name = '']) => name),
  ];
  // Node's own, and those of the tools that build the image.
  const others = ['NODE_OPTIONS', 'NODE_IMAGE', 'PNPM_VERSION', 'CI', 'TURBO_TELEMETRY_DISABLED', 'CHECKPOINT_DISABLE'];
  assert.deepEqual(
    set.filter((name) => !known.includes(name) && !others.includes(name)),
    [],
  );
});

test('the services go through PgBouncer in transaction mode; migrations and LISTEN go past it', () => {
  assert.deepEqual(service('pgbouncer').command, ['/etc/pgbouncer/transaction.ini']);
  const port = ini('transaction').listen_port;
  for (const name of ['api', 'kills-worker']) {
    assert.match(service(name).environment.DATABASE_URL ?? '', new RegExp(`@pgbouncer:${port}/`));
    assert.match(service(name).environment.DATABASE_URL_DIRECT ?? '', /@postgres:5432\//);
  }
  assert.deepEqual(service('migrate').environment, {
    DATABASE_URL_DIRECT: service('api').environment.DATABASE_URL_DIRECT,
  });
});

test('the modes of PgBouncer differ in nothing but the mode', () => {
  for (const mode of ['transaction', 'session', 'statement']) {
    const { pool_mode, ...settings } = ini(mode);
    const { pool_mode: _, ...others } = ini('transaction');
    assert.equal(pool_mode, mode);
    assert.deepEqual(settings, others);
  }
});

test('the image is built by the pnpm that installs a clone', () => {
  const version = dockerfile.match(/^ARG PNPM_VERSION=(.+)$/m)?.[1];
  assert.match(text('scripts/run.mjs'), new RegExp(`'pnpm@${version}'`));
});

function service(name: string): ComposeService {
  const found = compose.services[name];
  assert.ok(found, `docker-compose.yml has no service ${name}`);
  return found;
}

function ini(mode: string): Record<string, string> {
  const lines = [...text(`deploy/pgbouncer/${mode}.ini`).matchAll(/^([a-z_*]+) =(.*)$/gm)];
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value.trim()]));
}

function json<Shape>(file: string): Shape {
  return JSON.parse(text(file)) as Shape;
}

function text(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
