/** A server that could not be started. The message says what to do and carries the end of the server's own log. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
  readonly code = 'embedded.server_did_not_start';

  /**
   * @param server what was started, as people say it: `PostgreSQL`
   * @param reason a sentence without the name of the server
   * @param advice what the reader can do about it
   * @param logTail last lines of the server's log, empty when it wrote none
   */
  constructor(
    readonly server: string,
    readonly reason: string,
    readonly advice: string,
    readonly logTail = '',
    options?: ErrorOptions,
  ) {
    const log = logTail === '' ? '' : `\nIts last words:\n${logTail.replace(/^/gm, '  | ')}`;
    super(`${server} did not start: ${reason}\n${advice}${log}`, options);
  }
}
