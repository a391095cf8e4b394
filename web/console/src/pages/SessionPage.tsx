import { useCallback, useEffect, useState } from 'react';
import type { Client, ParticipantEvent, Stage } from '../aws/client.ts';
import { EventList } from '../stage/EventList.tsx';
import { Timeline } from '../stage/Timeline.tsx';
import { useHistory } from '../stage/useHistory.ts';
import { Who } from '../stage/Who.tsx';
import { dateWords, durationWords } from '../stage/words.ts';
import { BackIcon } from '../ui/icons.tsx';
import { Notice, Spinner } from '../ui/parts.tsx';
import { Link, navigate } from '../ui/route.tsx';
import { sessionPath, stageId, stageName, stagePath } from './stage.ts';

interface Props {
  arn: string;
  stage: Stage | undefined;
  sessionId: string;
  participantId: string | undefined;
  client: Client;
  onError: (error: unknown) => string | undefined;
}

/** One session: who was there when, what they did, and what went wrong. */
export function SessionPage({ arn, stage, sessionId, participantId, client, onError }: Props) {
  const { session, people, hasMore, more, now, problem } = useHistory(client, {
    stageArn: arn,
    sessionId,
  });
  const [marked, setMarked] = useState<ParticipantEvent>();
  const [words, setWords] = useState<string>();
  const id = stageId(arn);
  const name = stage === undefined ? id : stageName(stage);
  const pathOf = useCallback((who: string) => sessionPath(id, sessionId, who), [id, sessionId]);

  useEffect(() => {
    setWords(problem === undefined ? undefined : onError(problem));
  }, [problem, onError]);

  const choose = (who: string, event?: ParticipantEvent) => {
    setMarked(event);
    const isUndone = event === undefined && who === participantId;
    navigate(isUndone ? sessionPath(id, sessionId) : pathOf(who), { replace: true });
  };
  const chosen = people.find(({ who }) => who.participantId === participantId);
  const from = session === undefined ? now : Date.parse(session.startTime);
  const to = session?.endTime === undefined ? now : Date.parse(session.endTime);

  return (
    <main className="page wide">
      <div className="row">
        <Link
          className="icon-button"
          to={stagePath(id)}
          aria-label={`Stage ${name}`}
          title={`Stage ${name}`}
        >
          <BackIcon />
        </Link>
        <div className="grow">
          <h1>
            {session === undefined ? 'Session' : dateWords(from)} <small>{name}</small>
          </h1>
          <code className="muted">{sessionId}</code>
        </div>
        {session === undefined ? null : (
          <p className="session-state">
            {session.endTime === undefined ? <span className="live">Live</span> : null}
            <span className="muted">{durationWords(to - from)}</span>
          </p>
        )}
      </div>
      {words === undefined ? null : <Notice tone="error">{words}</Notice>}
      {session === undefined ? (
        problem === undefined ? (
          <Spinner label="Loading the session…" />
        ) : null
      ) : (
        <>
          <section className="part" aria-labelledby="participants">
            <div className="row">
              <h2 id="participants">Participants</h2>
              <span className="count">{`${people.length}${hasMore ? '+' : ''}`}</span>
            </div>
            <Timeline
              people={people}
              from={from}
              to={Math.max(to, from + 1000)}
              isRunning={session.endTime === undefined}
              chosen={participantId}
              onChoose={choose}
            />
            {hasMore ? (
              <button type="button" className="button" onClick={more}>
                Show earlier participants
              </button>
            ) : null}
          </section>
          {participantId === undefined ? null : (
            <Who
              key={participantId}
              client={client}
              sessionKey={{ stageArn: arn, sessionId }}
              participantId={participantId}
              version={JSON.stringify(chosen?.who)}
              onClose={() => navigate(sessionPath(id, sessionId), { replace: true })}
              onError={onError}
            />
          )}
          <EventList people={people} chosen={participantId} marked={marked} pathOf={pathOf} />
        </>
      )}
    </main>
  );
}
