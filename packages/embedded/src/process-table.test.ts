import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { test } from 'node:test';
import { listFromPs, listProcesses, processesIn, processTree, signalProcess } from './process-table.js';
import { openWorkspace } from './test-support.js';

test('lists this process with its parent, from /proc and from ps alike', { skip: process.platform === 'win32' }, () => {
  for (const list of [listProcesses(), listFromPs()]) {
    const own = list.find(({ pid }) => pid === process.pid);
    assert.equal(own?.parentPid, process.ppid);
    assert.equal(own?.name, basename(process.execPath));
  }
});

test('finds what a process started, and what those started', async (t) => {
  const shell = spawn('sh', ['-c', 'sh -c "sleep 60; true" & wait'], { detached: true });
  t.after(() => process.kill(-(shell.pid as number), 'SIGKILL'));
  await once(shell, 'spawn');
  let names: string[] = [];
  for (let turn = 0; turn < 200 && !names.includes('sleep'); turn++) {
    names = processTree(shell.pid as number).map(({ name }) => name);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(names, ['sh', 'sh', 'sleep']);
});

test('tells a process by the directory it works in', { skip: process.platform !== 'linux' }, async (t) => {
  const here = await openWorkspace(t);
  const elsewhere = await openWorkspace(t);
  const sleeper = spawn('sleep', ['60'], { cwd: here.dir });
  t.after(() => sleeper.kill('SIGKILL'));
  await once(sleeper, 'spawn');
  const pidsIn = (dir: string, name: string): number[] => processesIn(dir, [name]).map(({ pid }) => pid);
  assert.deepEqual(pidsIn(here.dir, 'sleep'), [sleeper.pid]);
  assert.deepEqual(pidsIn(here.dir, 'postgres'), []);
  assert.deepEqual(pidsIn(elsewhere.dir, 'sleep'), []);
  assert.deepEqual(pidsIn(`${here.dir}/missing`, 'sleep'), []);
});

test('takes no offence at a process that is gone', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  signalProcess(child.pid as number, 'SIGTERM');
  assert.deepEqual(processTree(child.pid as number), []);
});
