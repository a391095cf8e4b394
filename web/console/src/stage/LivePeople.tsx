import { useCallback } from 'react';
import { ApiError, type Client, type ParticipantSummary } from '../aws/client.ts';
import { explain } from '../aws/explain.ts';
import { sessionPath, stageId } from '../pages/stage.ts';
import { CameraIcon, CameraOffIcon, MicIcon, MicOffIcon, RemoveIcon } from '../ui/icons.tsx';
import { Notice } from '../ui/parts.tsx';
import { Link } from '../ui/route.tsx';
import { usePolled } from '../ui/usePolled.ts';
import { readFigures, receivedWords, sentWords, type Figures } from './figures.ts';
import type { HistoryOptions, PersonHistory } from './history.ts';
import { laneOf } from './timeline.ts';
import { nameOf, shortId, useHistory } from './useHistory.ts';
import { durationWords } from './words.ts';

// Who has never published needs no look at what happened to them.
const options: HistoryOptions = { connectedOnly: true, wants: (who) => who.published };

interface Props {
  arn: string;
  sessionId: string;
  client: Client;
  onDisconnect: (person: { id: string; name: string }) => void;
}

/** Who is on the stage now, and how they fare. */
export function LivePeople({ arn, sessionId, client, onDisconnect }: Props) {
  const id = stageId(arn);
  const { people, hasMore, more, now, problem } = useHistory(
    client,
    { stageArn: arn, sessionId },
    options,
  );
  const read = useCallback((signal: AbortSignal) => readFigures(client, id, signal), [client, id]);
  const figures = usePolled(read);
  // Who may not ask for figures sees the rest.
  const hasFigures = !(figures.problem instanceof ApiError && figures.problem.status === 403);
  return (
    <section className="part" aria-labelledby="live">
      <div className="row">
        <h2 id="live">Connected now</h2>
        <span className="count">{`${people.length}${hasMore ? '+' : ''}`}</span>
        <span className="grow" />
        <Link className="button" to={sessionPath(id, sessionId)}>
          Timeline
        </Link>
      </div>
      {problem === undefined ? null : <Notice tone="error">{explain(problem)}</Notice>}
      {people.length === 0 ? (
        <p className="empty card">Nobody is connected.</p>
      ) : (
        <div className="scroll card" role="region" aria-labelledby="live" tabIndex={0}>
          <table className="people" data-figures={hasFigures}>
            <thead>
              <tr>
                <th scope="col" className="person">
                  Participant
                </th>
                <th scope="col">Publishing</th>
                {hasFigures ? (
                  <>
                    <th scope="col" className="figures">
                      Sends
                    </th>
                    <th scope="col" className="figures">
                      Receives
                    </th>
                  </>
                ) : null}
                <th scope="col" className="number">
                  Connected for
                </th>
                <th className="actions">
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {people.map((person) => (
                <Row
                  key={person.who.participantId}
                  person={person}
                  figures={figures.value?.[person.who.participantId]}
                  all={figures.value}
                  hasFigures={hasFigures}
                  now={now}
                  path={sessionPath(id, sessionId, person.who.participantId)}
                  onDisconnect={onDisconnect}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasMore ? (
        <button type="button" className="button" onClick={more}>
          Show more
        </button>
      ) : null}
    </section>
  );
}

function Row(props: {
  person: PersonHistory;
  figures: Figures | undefined;
  all: Record<string, Figures> | undefined;
  hasFigures: boolean;
  now: number;
  path: string;
  onDisconnect: Props['onDisconnect'];
}) {
  const { person, figures, all, hasFigures, now, path, onDisconnect } = props;
  const { who } = person;
  const name = nameOf(who);
  return (
    <tr data-participant={who.participantId}>
      <th scope="row">
        <Link to={path} title={who.participantId}>
          {name}
        </Link>
        {who.replicationType === 'REPLICA' ? <Replica of={who} /> : null}
        {who.userId ? <code className="muted">{shortId(who.participantId)}</code> : null}
      </th>
      <td>
        <Publishing person={person} figures={figures} />
      </td>
      {hasFigures ? (
        <>
          <TwoLines words={figures && sentWords(figures)} />
          <TwoLines words={figures && receivedWords(figures, all)} />
        </>
      ) : null}
      <td className="number">{durationWords(now - joinedAt(who, person, now))}</td>
      <td className="actions">
        <button
          type="button"
          className="icon-button"
          title="Disconnect"
          aria-label={`Send ${name} off the stage`}
          onClick={() => onDisconnect({ id: who.participantId, name })}
        >
          <RemoveIcon />
        </button>
      </td>
    </tr>
  );
}

/** Marks somebody who publishes on another stage and is shown on this one, too. */
function Replica({ of: { sourceStageArn, replicationState } }: { of: ParticipantSummary }) {
  const source = sourceStageArn ? stageId(sourceStageArn) : undefined;
  const words = replicationState === 'STOPPED' ? 'Was replicated' : 'Publishes';
  return (
    <span
      className="replica"
      title={source === undefined ? undefined : `${words} on stage ${source}`}
    >
      Replica
    </span>
  );
}

function TwoLines({ words }: { words: [string, string] | undefined }) {
  return (
    <td>
      {words === undefined ? (
        <span className="muted">–</span>
      ) : (
        <>
          {words[0]}
          <span className="second">{words[1]}</span>
        </>
      )}
    </td>
  );
}

function Publishing(props: { person: PersonHistory; figures: Figures | undefined }) {
  const { person, figures } = props;
  const isPublishing = figures?.publishing ?? wasPublishing(person);
  if (isPublishing === undefined) return <span className="muted">…</span>;
  if (!isPublishing) return <span className="muted">No</span>;
  return (
    <span className="yes">
      Yes
      {figures === undefined ? null : (
        <>
          <span data-off={figures.audioMuted} title={figures.audioMuted ? 'Muted' : 'Sound on'}>
            {figures.audioMuted ? <MicOffIcon /> : <MicIcon />}
            {figures.audioMuted ? <span className="sr">, muted</span> : null}
          </span>
          <span
            data-off={figures.videoStopped}
            title={figures.videoStopped ? 'Video stopped' : 'Video on'}
          >
            {figures.videoStopped ? <CameraOffIcon /> : <CameraIcon />}
            {figures.videoStopped ? <span className="sr">, video stopped</span> : null}
          </span>
        </>
      )}
    </span>
  );
}

/** Whether somebody publishes by what happened to them; undefined while that is not known. */
function wasPublishing({ who, events }: PersonHistory): boolean | undefined {
  if (!who.published) return false;
  return events === undefined ? undefined : laneOf(events, 0).publishes.at(-1)?.isOpen === true;
}

function joinedAt(who: ParticipantSummary, { events }: PersonHistory, now: number): number {
  const latest = events === undefined ? undefined : laneOf(events, now).stays.at(-1);
  return latest?.from ?? (who.firstJoinTime === undefined ? now : Date.parse(who.firstJoinTime));
}
