import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';

/** One living process (zombies are left out). `command` is empty where it is read from /proc: nobody needs it there. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly name: string;
  readonly command: string;
}

const hasProc = process.platform === 'linux';

/** Every living process that can be seen. Synchronous, because `kill()` is: a few milliseconds. */
export function listProcesses(): ProcessEntry[] {
  return hasProc ? listFromProc() : listFromPs();
}

/** The process and all it started, directly or not. Empty when it is gone. */
export function processTree(rootPid: number): ProcessEntry[] {
  const all = listProcesses();
  const tree = all.filter((entry) => entry.pid === rootPid);
  for (const parent of tree) tree.push(...all.filter((entry) => entry.parentPid === parent.pid));
  return tree;
}

/**
 * Processes with one of these names that run on this directory.
 * On Linux that is told by their working directory, elsewhere by a command line that mentions it.
 */
export function processesIn(directory: string, names: readonly string[]): ProcessEntry[] {
  const named = (entry: ProcessEntry): boolean =>
    hasProc ? names.includes(entry.name) : names.some((name) => entry.command.includes(name));
  const here = statOrNull(directory);
  if (here === null) return [];
  return listProcesses().filter(
    (entry) => named(entry) && (hasProc ? worksIn(entry.pid, here) : entry.command.includes(directory)),
  );
}

/** Sends a signal; a process that is already gone, or not ours to signal, is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

function worksIn(pid: number, directory: Stats): boolean {
  // Compared by inode: a path may be spelled in more than one way (symbolic links, /private/tmp).
  const cwd = statOrNull(`/proc/${pid}/cwd`);
  return cwd !== null && cwd.ino === directory.ino && cwd.dev === directory.dev;
}

function listFromProc(): ProcessEntry[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      return parseProcStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return []; // Ended between the two reads.
    }
  });
}

/** `123 (name) S 1 ...`; the name may itself hold spaces and parentheses. */
function parseProcStat(pid: number, stat: string): ProcessEntry[] {
  const nameEnd = stat.lastIndexOf(')');
  const [state, parentPid] = stat.slice(nameEnd + 2).split(' ');
  if (state === 'Z' || state === 'X') return [];
  return [{ pid, parentPid: Number(parentPid), name: stat.slice(stat.indexOf('(') + 1, nameEnd), command: '' }];
}

/** For systems without /proc. Exported for its test only. */
export function listFromPs(): ProcessEntry[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state=,command='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (found === null || found[3]?.startsWith('Z')) return [];
    const command = found[4] ?? '';
    const program = command.split(' ')[0] ?? '';
    const name = program.slice(program.lastIndexOf('/') + 1);
    return [{ pid: Number(found[1]), parentPid: Number(found[2]), name, command }];
  });
}

function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
