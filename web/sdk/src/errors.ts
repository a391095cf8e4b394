import { StageErrorCategory, StageErrorCode } from './enums.js';

/** What an application gets with the ERROR event and as the rejection of `join()`. */
export class StageError extends Error {
  readonly code: StageErrorCode;
  readonly category: StageErrorCategory;
  /** For a refused token exchange: what the server said. */
  readonly details?: string;

  constructor(
    code: StageErrorCode,
    category: StageErrorCategory,
    message: string,
    details?: string,
  ) {
    super(message);
    if (details !== undefined) this.details = details;
    this.name = 'StageError';
    this.code = code;
    this.category = category;
  }
}

/** A refusal or failure of one exchange with the server, before it is known what it was for. */
export class ExchangeError extends Error {
  readonly code: StageErrorCode;
  /** True when the same request may succeed later. */
  readonly retryable: boolean;
  /** How long the server asks to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: StageErrorCode, message: string, retryable: boolean, retryAfterMs?: number) {
    super(message);
    this.name = 'ExchangeError';
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Gives any thrown value the form that an application sees. */
export function toStageError(thrown: unknown, category: StageErrorCategory): StageError {
  if (thrown instanceof StageError) return thrown;
  if (thrown instanceof ExchangeError) return new StageError(thrown.code, category, thrown.message);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new StageError(StageErrorCode.FAILED, category, message);
}
