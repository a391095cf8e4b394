import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Client, SessionKey } from '../aws/client.ts';
import { SessionHistory, type HistoryOptions, type HistoryState } from './history.ts';

/** Reads a session as long as the component is there. The options must not change. */
export function useHistory(
  client: Client,
  key: SessionKey,
  options?: HistoryOptions,
): HistoryState & { more: () => void } {
  const { stageArn, sessionId } = key;
  const model = useMemo(
    () => new SessionHistory(client, { stageArn, sessionId }, options),
    [client, stageArn, sessionId, options],
  );
  useEffect(() => model.start(), [model]);
  const state = useSyncExternalStore(model.subscribe, model.snapshot);
  return { ...state, more: () => model.more() };
}

/** What somebody is called: the user id they came with, or the beginning of their own. */
export function nameOf(who: { participantId: string; userId?: string }): string {
  return who.userId || shortId(who.participantId);
}

export function shortId(id: string): string {
  return id.slice(0, 8);
}
