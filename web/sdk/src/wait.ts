/** Resolves after a time, or at once when the signal is aborted; never rejects. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/**
 * The pause before attempt number n (from 0): doubling from `firstMs` to `lastMs`, of which up to
 * a half is left to chance, so that a crowd does not come back in one moment.
 */
export function backOff(n: number, firstMs: number, lastMs: number): number {
  const full = Math.min(lastMs, firstMs * 2 ** Math.min(n, 16));
  return full / 2 + (Math.random() * full) / 2;
}
