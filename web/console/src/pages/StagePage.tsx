import { useCallback, useEffect, useMemo, useState } from 'react';
import type { Client, Stage } from '../aws/client.ts';
import { Room } from '../room/Room.tsx';
import type { Person } from '../room/model.ts';
import { BackIcon, RemoveIcon, TrashIcon } from '../ui/icons.tsx';
import { LivePeople } from '../stage/LivePeople.tsx';
import { Sessions } from '../stage/Sessions.tsx';
import { Confirm, CopyField, Notice, Spinner } from '../ui/parts.tsx';
import { Link, navigate } from '../ui/route.tsx';
import { usePolled } from '../ui/usePolled.ts';
import { SessionPage } from './SessionPage.tsx';
import { guestLink, stageId, stageName, stagePath } from './stage.ts';

interface Props {
  id: string;
  /** The session to show instead of the stage itself, and somebody in it. */
  sessionId: string | undefined;
  participantId: string | undefined;
  client: Client;
  onError: (error: unknown) => string | undefined;
}

interface StageProps {
  arn: string;
  client: Client;
  onError: (error: unknown) => string | undefined;
}

type Question = { kind: 'delete' } | { kind: 'disconnect'; person: Pick<Person, 'id' | 'name'> };

const minutesOfStay = 12 * 60;

/** One stage, and its sessions. Who is on stage stays there while looking at a session. */
export function StagePage({ id, sessionId, participantId, client, onError }: Props) {
  const [arn, setArn] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [isOnStage, setOnStage] = useState(false);
  const readStage = useMemo(
    () => (arn === undefined ? undefined : (signal: AbortSignal) => client.getStage(arn, signal)),
    [client, arn],
  );
  const { value: stage, problem: stageProblem } = usePolled(readStage);

  useEffect(() => {
    const ended = new AbortController();
    client.stageArn(id, ended.signal).then(setArn, (error: unknown) => {
      if (!ended.signal.aborted) setProblem(onError(error));
    });
    return () => ended.abort();
  }, [id, client, onError]);
  useEffect(() => {
    setProblem(stageProblem === undefined ? undefined : onError(stageProblem));
  }, [stageProblem, onError]);

  const title = stage === undefined ? id : stageName(stage);
  useEffect(() => {
    document.title = `${sessionId === undefined ? '' : 'Session of '}${title} · Proscenium`;
  }, [title, sessionId]);

  if (arn === undefined) {
    return (
      <main className="page">
        {problem === undefined ? (
          <Spinner label="Loading the stage…" />
        ) : (
          <Notice tone="error">{problem}</Notice>
        )}
      </main>
    );
  }
  return (
    <>
      {sessionId === undefined ? null : (
        <>
          {isOnStage ? (
            <p className="on-stage">
              You are on stage. <Link to={stagePath(id)}>Back to it</Link>
            </p>
          ) : null}
          <SessionPage
            key={sessionId}
            arn={arn}
            stage={stage}
            sessionId={sessionId}
            participantId={participantId}
            client={client}
            onError={onError}
          />
        </>
      )}
      {sessionId === undefined || isOnStage ? (
        <div hidden={sessionId !== undefined}>
          <Live
            arn={arn}
            stage={stage}
            stageProblem={problem}
            client={client}
            onError={onError}
            onStay={setOnStage}
          />
        </div>
      ) : null}
    </>
  );
}

interface LiveProps extends StageProps {
  stage: Stage | undefined;
  stageProblem: string | undefined;
  onStay: (isThere: boolean) => void;
}

/** The stage itself: go on it, see who is, invite others, send somebody off it, end it. */
function Live({ arn, stage, stageProblem, client, onError, onStay }: LiveProps) {
  const [problem, setProblem] = useState<string>();
  const [question, setQuestion] = useState<Question>();

  const answer = async (yes: boolean) => {
    setQuestion(undefined);
    if (!yes || question === undefined) return;
    try {
      if (question.kind === 'disconnect') {
        await client.disconnectParticipant(arn, question.person.id);
      } else {
        await client.deleteStage(arn);
        navigate('/');
      }
      setProblem(undefined);
    } catch (error) {
      setProblem(onError(error));
    }
  };

  const getToken = useCallback(
    (name: string) =>
      client.createToken({
        stageArn: arn,
        capabilities: ['PUBLISH', 'SUBSCRIBE'],
        duration: minutesOfStay,
        ...(name === '' ? {} : { userId: name }),
      }),
    [arn, client],
  );

  return (
    <main className="page wide">
      <div className="row">
        <Link className="icon-button" to="/" aria-label="All stages" title="All stages">
          <BackIcon />
        </Link>
        <div className="grow">
          <h1>{stage === undefined ? 'Stage' : stageName(stage)}</h1>
          <code className="muted">{stageId(arn)}</code>
        </div>
        <button
          type="button"
          className="button quiet"
          onClick={() => setQuestion({ kind: 'delete' })}
        >
          <TrashIcon />
          <span className="label">Delete</span>
        </button>
      </div>
      {(problem ?? stageProblem) === undefined ? null : (
        <Notice tone="error">{problem ?? stageProblem}</Notice>
      )}
      {stage === undefined ? null : (
        <>
          <Room
            asksName
            onStay={onStay}
            getToken={getToken}
            actionsFor={(person) => (
              <button
                type="button"
                className="icon-button"
                title="Disconnect"
                aria-label={`Disconnect ${person.name}`}
                onClick={() => setQuestion({ kind: 'disconnect', person })}
              >
                <RemoveIcon />
              </button>
            )}
          />
          {stage.activeSessionId ? (
            <LivePeople
              key={stage.activeSessionId}
              arn={arn}
              sessionId={stage.activeSessionId}
              client={client}
              onDisconnect={(person) => setQuestion({ kind: 'disconnect', person })}
            />
          ) : null}
          <Invite arn={arn} client={client} onError={onError} />
        </>
      )}
      <Sessions arn={arn} client={client} active={stage?.activeSessionId} onError={onError} />
      {question === undefined ? null : (
        <Confirm {...wordsOf(question, stage)} onAnswer={(yes) => void answer(yes)} />
      )}
    </main>
  );
}

function wordsOf(question: Question, stage: Stage | undefined) {
  if (question.kind === 'disconnect') {
    return {
      title: `Disconnect ${question.person.name}?`,
      text: 'They leave the stage at once, and the link they came with stops working.',
      action: 'Disconnect',
    };
  }
  return {
    title: `Delete ${stage === undefined ? 'this stage' : stageName(stage)}?`,
    text: 'Whoever is on it is disconnected, and its links stop working. This cannot be undone.',
    action: 'Delete stage',
  };
}

const durations = [
  { minutes: 60, label: '1 hour' },
  { minutes: 12 * 60, label: '12 hours' },
  { minutes: 7 * 24 * 60, label: '7 days' },
  { minutes: 14 * 24 * 60, label: '14 days' },
];

function Invite({ arn, client, onError }: StageProps) {
  const [minutes, setMinutes] = useState(12 * 60);
  const [links, setLinks] = useState<{ watch?: string; join?: string }>({});
  const [problem, setProblem] = useState<string>();

  const make = async (page: 'watch' | 'join') => {
    try {
      const token = await client.createToken({
        stageArn: arn,
        capabilities: page === 'watch' ? ['SUBSCRIBE'] : ['PUBLISH', 'SUBSCRIBE'],
        duration: minutes,
      });
      setLinks((before) => ({ ...before, [page]: guestLink(page, token) }));
      setProblem(undefined);
    } catch (error) {
      setProblem(onError(error));
    }
  };

  return (
    <section className="card invite" aria-labelledby="invite">
      <div className="row">
        <h2 id="invite" className="grow">
          Invite
        </h2>
        <label className="inline">
          Links work for
          <select
            value={minutes}
            onChange={(event) => setMinutes(Number(event.currentTarget.value))}
          >
            {durations.map((d) => (
              <option key={d.minutes} value={d.minutes}>
                {d.label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p className="hint">
        Each link is for one person on one device: make one for everybody you invite. Nobody needs
        to sign in.
      </p>
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      <div className="invite-links">
        <div>
          <button type="button" className="button" onClick={() => void make('watch')}>
            New viewer link
          </button>
          {links.watch === undefined ? null : <CopyField label="Viewer link" value={links.watch} />}
        </div>
        <div>
          <button type="button" className="button" onClick={() => void make('join')}>
            New host link
          </button>
          {links.join === undefined ? null : <CopyField label="Host link" value={links.join} />}
        </div>
      </div>
    </section>
  );
}
