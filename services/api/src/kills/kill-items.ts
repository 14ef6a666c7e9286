import { v7 as uuidv7 } from 'uuid';
import type { ItemReader } from '../bulk/take-bulk.js';
import { compileItem, itemErrors } from '../plugins/validation.js';
import { hashKill, KillBody, toKillEnemy } from './kill.js';

const isKill = compileItem(KillBody);

/** Reads the items of a bulk request as kills. */
export const killItems: ItemReader = {
  lineBytesMax: 16 * 1024,
  read(item) {
    if (!isKill(item)) return { errors: itemErrors(isKill) };
    const body = item as KillBody;
    const command = toKillEnemy(body, body.id ?? uuidv7());
    return { command, payloadHash: hashKill(command) };
  },
  nameOf(item) {
    const id = (item as { id?: unknown } | null)?.id;
    return typeof id === 'string' ? { id: id.slice(0, 100) } : {};
  },
};
