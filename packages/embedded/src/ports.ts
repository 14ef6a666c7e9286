import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import getPort from 'get-port';

/*
 * Below every system's ephemeral range (Linux starts at 32768, macOS and Windows at 49152). A server that is killed and
 * restarted on its port must find it free, and a client that keeps knocking at an ephemeral port while nobody listens
 * is sooner or later given that very port as its own end, connects to itself and keeps the server out.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const CANDIDATES = 50;

/** A port on 127.0.0.1 that nobody uses now. Calls in one process get different ports; another process may be faster. */
export async function freePort(): Promise<number> {
  const randomPort = (): number => FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
  return getPort({ host: '127.0.0.1', port: Array.from({ length: CANDIDATES }, randomPort) });
}

/**
 * Who keeps a server from listening on a loopback port: `pid 123 (node)` where /proc tells, `another program` where it
 * does not, null when the port is free on 127.0.0.1 and on ::1.
 */
export async function describePortUser(port: number): Promise<string | null> {
  const inUse = (await isInUse('127.0.0.1', port)) || (await isInUse('::1', port));
  if (!inUse) return null;
  const pid = findListener(port);
  return pid === null ? 'another program' : `pid ${pid} (${programName(pid)})`;
}

async function isInUse(host: string, port: number): Promise<boolean> {
  const error = await tryToListen(host, port);
  // EADDRNOTAVAIL and EAFNOSUPPORT: a machine without IPv6. EACCES: a port below 1024, nothing known about it yet.
  if (error === 'EADDRINUSE') return true;
  // macOS lets a second server bind 127.0.0.1 while the first has all addresses: only a connection tells.
  return process.platform === 'darwin' || error === 'EACCES' ? answers(host, port) : false;
}

function tryToListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 1000 });
    const done = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', done(true)).once('timeout', done(true)).once('error', done(false));
  });
}

function findListener(port: number): number | null {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return null;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (Number.isInteger(pid) && openFiles(pid).some((file) => sockets.has(file))) return pid;
  }
  return null;
}

const LISTEN_STATE = '0A';

/** Rows are `sl local_address rem_address st ... inode`, the address as HEX:PORT. */
function listeningSockets(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readText(table)
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === LISTEN_STATE)
    .map((columns) => `socket:[${columns[9]}]`);
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readLink(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // Gone, or another user's.
  }
}

function programName(pid: number): string {
  const name = readText(`/proc/${pid}/comm`).trim();
  // The executable's own name only here: Debian's redis-server is a link to redis-check-rdb.
  const isNewerNode = name.endsWith('MainThread');
  return isNewerNode ? path.basename(readLink(`/proc/${pid}/exe`)) : name;
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
