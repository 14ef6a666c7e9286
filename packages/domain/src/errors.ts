/** A rule said no. `code` is stable and part of the API; the message is for people and may change. */
export abstract class DomainError extends Error {
  abstract readonly code: string;
}
