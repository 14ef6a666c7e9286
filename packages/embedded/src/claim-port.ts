import { setTimeout as sleep } from 'node:timers/promises';
import { ServerStartError } from './errors.js';
import { describePortUser, freePort } from './ports.js';

const PATIENCE_MS = 1000;
const POLL_INTERVAL_MS = 25;

/**
 * The wanted port, or a free one. Throws `ServerStartError` that names the port and its user when it stays taken for a
 * second: that long the kernel may need to clear up after a server that was killed just now.
 */
export async function claimPort(server: string, wanted: number | undefined): Promise<number> {
  if (wanted === undefined) return freePort();
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(POLL_INTERVAL_MS)) {
    const user = await describePortUser(wanted);
    if (user === null) return wanted;
    if (Date.now() < deadline) continue;
    const reason = `port ${wanted} on 127.0.0.1 is in use by ${user}.`;
    throw new ServerStartError(server, reason, 'Stop that program or choose another port.');
  }
}
