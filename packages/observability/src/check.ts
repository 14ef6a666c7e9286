/** Whether what a health check asks for answered in time. */
export type CheckState = 'up' | 'down';

/** @param timeoutMs after which no answer counts as down; default 2000 */
export async function stateOf(check: Promise<unknown>, timeoutMs = 2000): Promise<CheckState> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<CheckState>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'down');
  });
  const answer = check.then(
    (): CheckState => 'up',
    (): CheckState => 'down',
  );
  return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
}
