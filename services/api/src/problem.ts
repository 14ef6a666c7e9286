/** Every refusal of the API: its stable code and its HTTP status. The one place that knows status codes. */
export const PROBLEMS = {
  validation_failed: [400, 'The request does not have the shape that this route takes'],
  malformed_json: [400, 'The body is not JSON'],
  body_too_large: [413, 'The body is larger than this route takes'],
  unsupported_media_type: [415, 'The body is of a type that this route does not take'],
  hero_not_found: [404, 'There is no such hero'],
  enemy_not_found: [404, 'There is no such enemy'],
  enemy_type_mismatch: [400, 'The enemy is of another type'],
  enemy_already_killed: [409, 'The enemy is dead already'],
  id_conflict: [409, 'The id stands for another payload'],
  not_found: [404, 'There is nothing here'],
  method_not_allowed: [405, 'This route does not take that method'],
  overloaded: [503, 'This process takes nothing more at the moment'],
  queue_unavailable: [503, 'The queue cannot be reached; nothing is known to be accepted. Repeat with the same id'],
  database_unavailable: [503, 'The database cannot be reached'],
  internal: [500, 'Something went wrong on our side'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemError {
  /** JSON pointer into the body, or the parameter's name. */
  readonly path: string;
  readonly message: string;
}

/** Thrown where a request is refused; the error handler turns it into `application/problem+json` (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly errors: readonly ProblemError[] | undefined;
  /** Further members of the problem document. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    code: ProblemCode,
    detail: string,
    options: {
      readonly status?: number;
      readonly errors?: readonly ProblemError[];
      readonly members?: Record<string, unknown>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? PROBLEMS[code][0];
    this.errors = options.errors;
    this.members = options.members ?? {};
  }
}
