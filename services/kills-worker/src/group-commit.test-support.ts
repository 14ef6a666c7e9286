/** A committer whose database is a function of the test, and what was asked of it. */
import type { ClassifiedError } from '@killfeed/db';
import { createGroupCommit, type GroupCommit, type GroupCommitOptions } from './group-commit.js';

type Options = GroupCommitOptions<string, string>;

export interface Watched {
  readonly committer: GroupCommit<string, string>;
  readonly commits: { readonly batch: readonly string[]; readonly attempt: number }[];
  readonly buried: { readonly command: string; readonly error: ClassifiedError; readonly attempts: number }[];
}

export function watch(commit: Options['commit'], options: Partial<Options> = {}): Watched {
  const commits: Watched['commits'] = [];
  const buried: Watched['buried'] = [];
  const committer = createGroupCommit<string, string>({
    batchMax: 100,
    backoffMs: { first: 0, longest: 1 },
    ...options,
    commit(batch, attempt) {
      commits.push({ batch: [...batch], attempt });
      return commit(batch, attempt);
    },
    async bury(command, error, attempts) {
      await options.bury?.(command, error, attempts);
      buried.push({ command, error, attempts });
      return `dead ${command}`;
    },
  });
  return { committer, commits, buried };
}

export const apply: Options['commit'] = async (batch) => batch.map((command) => `applied ${command}`);

/** Fails the first commits with these errors, one each, and applies everything afterwards. */
export function failingWith(...errors: unknown[]): Options['commit'] {
  const left = [...errors];
  return async (batch, attempt) => {
    if (left.length > 0) throw left.shift();
    return apply(batch, attempt);
  };
}

/** Refuses every batch that holds one of these, as the server would. */
export function refusing(
  poison: readonly string[],
  error: () => unknown = () => serverError('22003'),
): Options['commit'] {
  return async (batch, attempt) => {
    if (batch.some((command) => poison.includes(command))) throw error();
    return apply(batch, attempt);
  };
}

/** An error as node-postgres throws it. */
export function serverError(code: string, message = `error ${code}`): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR' });
}

/** Numbered commands: `k1`, `k2` and so on. */
export function commands(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `k${index + 1}`);
}

/** A commit that stays out until the test lets it in. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
