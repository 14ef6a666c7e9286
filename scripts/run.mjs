/**
 * `node scripts/run.mjs [FILE ARGS...]`: installs and builds what is not installed and built yet, then runs FILE in this
 * very process, so that a signal sent to it arrives. Needs Node and npm, nothing else; what it writes stays in this
 * folder and in npm's cache.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const required = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');

const [file, ...args] = process.argv.slice(2);
checkNode();
pnpm('installing', ['install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only']);
pnpm('building', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--no-update-notifier']);
if (file !== undefined) {
  process.argv = [process.argv[0], resolve(root, file), ...args];
  process.chdir(root);
  await import(pathToFileURL(resolve(root, file)).href);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [majorMin, minorMin] = required.split('.').map(Number);
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  console.error(`Killfeed needs Node ${required} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

function pnpm(step, command) {
  const startedAt = Date.now();
  process.stdout.write(`${step} ... `);
  // A wrapper's own settings are not for pnpm, and pnpm's and turbo's own files are not for the home folder.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name)),
  );
  const state = join(root, '.pnpm');
  mkdirSync(join(state, 'tmp'), { recursive: true });
  const result = spawnSync('npx', ['--yes', PNPM, ...command], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 64 * 1024 * 1024,
    env: {
      ...env,
      CI: '1',
      TMPDIR: join(state, 'tmp'),
      XDG_CACHE_HOME: join(state, 'cache'),
      XDG_CONFIG_HOME: join(state, 'config'),
      XDG_STATE_HOME: join(state, 'state'),
      TURBO_TELEMETRY_DISABLED: '1',
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  });
  if (result.status === 0) {
    console.log(`done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    return;
  }
  console.log('failed');
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
  console.error(
    `${step} failed. Is the npm registry reachable? (npx ${PNPM} ${command[0]} ${command.slice(1).join(' ')})`,
  );
  process.exit(1);
}
