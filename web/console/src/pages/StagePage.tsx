import { useCallback, useEffect, useState } from 'react';
import type { Client, Stage } from '../aws/client.ts';
import { Room } from '../room/Room.tsx';
import type { Person } from '../room/model.ts';
import { BackIcon, RemoveIcon, TrashIcon } from '../ui/icons.tsx';
import { Confirm, CopyField, Notice } from '../ui/parts.tsx';
import { guestLink, stageId, stageName } from './stage.ts';

interface Props {
  arn: string;
  client: Client;
  onError: (error: unknown) => string | undefined;
}

type Question = { kind: 'delete' } | { kind: 'disconnect'; person: Person };

const minutesOfStay = 12 * 60;

/** One stage: go on it, invite others, send somebody off it, end it. */
export function StagePage({ arn, client, onError }: Props) {
  const [stage, setStage] = useState<Stage>();
  const [problem, setProblem] = useState<string>();
  const [question, setQuestion] = useState<Question>();

  useEffect(() => {
    const ended = new AbortController();
    client.getStage(arn, ended.signal).then(
      (found) => {
        setStage(found);
        document.title = `${stageName(found)} · Proscenium`;
      },
      (error: unknown) => {
        if (!ended.signal.aborted) setProblem(onError(error));
      },
    );
    return () => ended.abort();
  }, [arn, client, onError]);

  const answer = async (yes: boolean) => {
    setQuestion(undefined);
    if (!yes || question === undefined) return;
    try {
      if (question.kind === 'disconnect') {
        await client.disconnectParticipant(arn, question.person.id);
      } else {
        await client.deleteStage(arn);
        location.hash = '';
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
        <a className="icon-button" href="#/" aria-label="All stages" title="All stages">
          <BackIcon />
        </a>
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
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {stage === undefined ? null : (
        <>
          <Room
            asksName
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
          <Invite arn={arn} client={client} onError={onError} />
        </>
      )}
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

function Invite({ arn, client, onError }: Props) {
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
