import { StageErrorCategory, StageErrorCode } from '../enums.js';
import { StageError } from '../errors.js';
import type { TokenClaims } from '../token.js';

/** How long the server may take to agree to another token. */
const answerMs = 5000;

// docs/signalling.md: what both tokens must have in common.
const fixed = {
  topic: 'topic',
  stageArn: 'resource',
  participantId: 'jti',
  whipUrl: 'whip_url',
  eventsUrl: 'events_url',
} as const satisfies Partial<Record<keyof TokenClaims, string>>;

/** The claim in which two tokens differ although they must not. */
export function foreignClaim(before: TokenClaims, after: TokenClaims): string | undefined {
  const keys = Object.keys(fixed) as (keyof typeof fixed)[];
  const key = keys.find((name) => before[name] !== after[name]);
  return key === undefined ? undefined : fixed[key];
}

/** What may be done until the server has agreed: what both tokens allow. */
export function meanwhile(before: TokenClaims, after: TokenClaims): TokenClaims {
  return {
    ...after,
    allowPublish: before.allowPublish && after.allowPublish,
    allowSubscribe: before.allowSubscribe && after.allowSubscribe,
  };
}

export function exchangeError(message: string, details?: string): StageError {
  const code = StageErrorCode.TOKEN_EXCHANGE_FAILED;
  return new StageError(code, StageErrorCategory.JOIN_ERROR, message, details);
}

/** Exchange is one token that the server has been asked to take in the place of the present one. */
export class Exchange {
  readonly token: string;
  readonly claims: TokenClaims;
  readonly promise: Promise<void>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #resolve: () => void = () => undefined;
  #reject: (error: StageError) => void = () => undefined;

  constructor(token: string, claims: TokenClaims, onLate: () => void) {
    this.token = token;
    this.claims = claims;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(onLate, answerMs);
  }

  /** Asks once more when the server has time for it. */
  askAgain(ms: number, ask: () => void): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(ask, ms);
  }

  succeed(): void {
    this.#end();
    this.#resolve();
  }

  fail(error: StageError): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#pause);
  }
}
