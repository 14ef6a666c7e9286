import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';

/** Reads the password kept in this file, or makes one (mode 0600) if there is none yet. Safe inside a URL as it is. */
export async function readOrCreatePassword(file: string): Promise<string> {
  const kept = await readPassword(file);
  if (kept !== null) return kept;
  const password = randomBytes(24).toString('hex');
  await writePrivateFile(file, `${password}\n`);
  return password;
}

/** The password kept in this file, null if the file is missing or empty. */
export async function readPassword(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.trim() || null;
}

/** Writes a file that only its owner may read, also when it was there before with another mode. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
}
