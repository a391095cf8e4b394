import { useEffect, useState } from 'react';
import type { Client, Session } from '../aws/client.ts';
import { sessionPath, stageId } from '../pages/stage.ts';
import { Notice, Spinner } from '../ui/parts.tsx';
import { Link } from '../ui/route.tsx';
import { dateWords, durationWords } from './words.ts';

interface Props {
  arn: string;
  client: Client;
  /** The session that runs: the list is read again when it changes. */
  active: string | undefined;
  onError: (error: unknown) => string | undefined;
}

/** The sessions of a stage, latest first. */
export function Sessions({ arn, client, active, onError }: Props) {
  const [sessions, setSessions] = useState<Session[]>();
  const [nextToken, setNextToken] = useState<string>();
  const [problem, setProblem] = useState<string>();

  useEffect(() => {
    const ended = new AbortController();
    client.listSessions(arn, undefined, ended.signal).then(
      (page) => {
        setSessions(page.stageSessions);
        setNextToken(page.nextToken ?? undefined);
        setProblem(undefined);
      },
      (error: unknown) => {
        if (!ended.signal.aborted) setProblem(onError(error));
      },
    );
    return () => ended.abort();
  }, [arn, client, active, onError]);

  const loadMore = async () => {
    try {
      const page = await client.listSessions(arn, nextToken);
      setSessions((before) => [...(before ?? []), ...page.stageSessions]);
      setNextToken(page.nextToken ?? undefined);
      setProblem(undefined);
    } catch (error) {
      setProblem(onError(error));
    }
  };

  return (
    <section className="part" aria-labelledby="sessions">
      <h2 id="sessions">Sessions</h2>
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {sessions === undefined && problem === undefined ? (
        <Spinner label="Loading sessions…" />
      ) : null}
      {sessions?.length === 0 ? (
        <p className="empty card">
          No session yet. One begins when the first participant joins, and ends a while after the
          last has left.
        </p>
      ) : null}
      {sessions === undefined || sessions.length === 0 ? null : (
        <ul className="links card">
          {sessions.map((session) => (
            <li key={session.sessionId}>
              <Link className="link-row" to={sessionPath(stageId(arn), session.sessionId)}>
                <span className="link-name">{dateWords(Date.parse(session.startTime))}</span>
                {session.endTime === undefined ? (
                  <span className="live">Live</span>
                ) : (
                  <span className="muted">
                    {durationWords(Date.parse(session.endTime) - Date.parse(session.startTime))}
                  </span>
                )}
                <code>{session.sessionId}</code>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {nextToken === undefined ? null : (
        <button type="button" className="button" onClick={() => void loadMore()}>
          Show earlier sessions
        </button>
      )}
    </section>
  );
}
