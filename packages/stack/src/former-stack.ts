/** What an earlier run left behind: its processes are noted in `stack.json`, so that the next run can end them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface StackFile {
  readonly supervisorPid: number;
  /** Its command line: the number alone may belong to another program by now. */
  readonly supervisorCommand: string;
  readonly url: string;
  readonly services: readonly { readonly pid: number; readonly file: string }[];
}

/** Another run is using the folder. */
export class StackBusy extends Error {
  override readonly name = 'StackBusy';
}

/**
 * Ends the services of a run whose supervisor is gone.
 *
 * @throws {StackBusy} when the supervisor is alive
 */
export async function endFormerStack(folder: string): Promise<void> {
  const former = await readStackFile(folder);
  if (former === null) return;
  if (former.supervisorPid !== process.pid && commandOf(former.supervisorPid) === former.supervisorCommand) {
    throw new StackBusy(
      `Killfeed is running already, as process ${former.supervisorPid}, at ${former.url}: stop it there with Ctrl-C, or with \`kill ${former.supervisorPid}\``,
    );
  }
  for (const { pid, file } of former.services) {
    if (!commandOf(pid).includes(file)) continue;
    process.kill(pid, 'SIGTERM');
    const deadline = performance.now() + 10_000;
    while (commandOf(pid).includes(file) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (commandOf(pid).includes(file)) process.kill(pid, 'SIGKILL');
  }
  forgetStack(folder);
}

/** Synchronously: between the start of a process and the note of it nothing else may happen. */
export function noteStack(folder: string, stack: Pick<StackFile, 'url' | 'services'>): void {
  const supervisor = { supervisorPid: process.pid, supervisorCommand: commandOf(process.pid) };
  writeFileSync(join(folder, 'stack.json'), JSON.stringify({ ...supervisor, ...stack }));
}

export function forgetStack(folder: string): void {
  rmSync(join(folder, 'stack.json'), { force: true });
}

async function readStackFile(folder: string): Promise<StackFile | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'stack.json'), 'utf8'));
  } catch {
    return null;
  }
}

function commandOf(pid: number): string {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      : execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
