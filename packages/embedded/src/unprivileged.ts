import { execFile } from 'node:child_process';
import { lchown, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ServerStartError } from './errors.js';

/** What to spawn, and as whom. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** How a server that refuses to run as root is started, and who must own its files. */
export interface Unprivileged {
  readonly command: (file: string, args: readonly string[]) => Command;
  readonly ownerUid: number;
}

/** `daemon` on Debian, `bin` on Red Hat: there on every system, with a name, which initdb asks for. */
const SYSTEM_UID = 1;
const UNSHARE = ['-U', `--map-user=${SYSTEM_UID}`, `--map-group=${SYSTEM_UID}`];

/**
 * PostgreSQL and PgBouncer refuse root. An ordinary user starts them directly. Root starts them in a user namespace of
 * their own, where root is called uid 1: they can still enter what only root may enter, and nothing is left behind.
 * Where that is forbidden (Docker's default profile), they run as uid 1 itself and their files are given to it.
 */
export async function unprivileged(): Promise<Unprivileged> {
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) return { ownerUid: uid, command: (file, args) => ({ file, args }) };
  if (await canUnshare()) {
    return { ownerUid: 0, command: (file, args) => ({ file: 'unshare', args: [...UNSHARE, file, ...args] }) };
  }
  return {
    ownerUid: SYSTEM_UID,
    command: (file, args) => ({ file, args, uid: SYSTEM_UID, gid: SYSTEM_UID }),
  };
}

/** Gives a file or directory tree to the server's user, if root may and it was ours. Throws `ServerStartError` if not. */
export async function giveTo(server: string, { ownerUid }: Unprivileged, target: string): Promise<void> {
  if (ownerUid === -1) return; // Windows.
  const { uid } = await stat(target);
  if (uid === ownerUid) return;
  // Only between the two owners a start by root can leave behind: a stranger's files stay the stranger's.
  if (process.getuid?.() === 0 && (uid === 0 || uid === SYSTEM_UID)) return chownTree(target, ownerUid);
  const reason = `${target} belongs to uid ${uid}, this process runs as uid ${process.getuid?.()}.`;
  throw new ServerStartError(server, reason, `Run it as that user, or change the owner: chown -R ${target}`);
}

async function canUnshare(): Promise<boolean> {
  return promisify(execFile)('unshare', [...UNSHARE, 'true']).then(
    () => true,
    () => false,
  );
}

async function chownTree(target: string, uid: number): Promise<void> {
  await lchown(target, uid, uid);
  if (!(await stat(target)).isDirectory()) return;
  for (const entry of await readdir(target, { recursive: true })) await lchown(path.join(target, entry), uid, uid);
}
