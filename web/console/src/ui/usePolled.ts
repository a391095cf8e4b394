import { useCallback, useEffect, useState } from 'react';
import { ApiError } from '../aws/client.ts';

const pauseMs = 3000;

/**
 * Reads something again and again, as long as the page is looked at. What is the same stays the same
 * object. What is gone is not asked for again.
 */
export function usePolled<T>(read: ((signal: AbortSignal) => Promise<T>) | undefined): {
  value: T | undefined;
  problem: unknown;
  /** Reads at once. */
  reread: () => void;
} {
  const [value, setValue] = useState<T>();
  const [problem, setProblem] = useState<unknown>();
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (read === undefined) return undefined;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const attempt = async () => {
      try {
        const found = await read(ended.signal);
        if (ended.signal.aborted) return;
        setValue((before) => (JSON.stringify(before) === JSON.stringify(found) ? before : found));
        setProblem(undefined);
      } catch (error) {
        if (ended.signal.aborted) return;
        setProblem(error);
        if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return;
      }
      timer = setTimeout(look, pauseMs);
    };
    const look = () => {
      if (!document.hidden) void attempt();
      else
        document.addEventListener('visibilitychange', look, { once: true, signal: ended.signal });
    };
    void attempt();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [read, turn]);
  const reread = useCallback(() => setTurn((n) => n + 1), []);
  return { value, problem, reread };
}
