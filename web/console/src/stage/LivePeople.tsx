import type { Client, ParticipantSummary } from '../aws/client.ts';
import { explain } from '../aws/explain.ts';
import { sessionPath, stageId } from '../pages/stage.ts';
import { RemoveIcon } from '../ui/icons.tsx';
import { Notice } from '../ui/parts.tsx';
import { Link } from '../ui/route.tsx';
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

/** Who is on the stage now. */
export function LivePeople({ arn, sessionId, client, onDisconnect }: Props) {
  const state = useHistory(client, { stageArn: arn, sessionId }, options);
  const { people, hasMore, more, now, problem } = state;
  return (
    <section className="part" aria-labelledby="live">
      <div className="row">
        <h2 id="live">Connected now</h2>
        <span className="count">{`${people.length}${hasMore ? '+' : ''}`}</span>
        <span className="grow" />
        <Link className="button" to={sessionPath(stageId(arn), sessionId)}>
          Timeline
        </Link>
      </div>
      {problem === undefined ? null : <Notice tone="error">{explain(problem)}</Notice>}
      {people.length === 0 ? (
        <p className="empty card">Nobody is connected.</p>
      ) : (
        <div className="scroll card">
          <table className="people">
            <thead>
              <tr>
                <th scope="col">Participant</th>
                <th scope="col">Publishing</th>
                <th scope="col" className="number">
                  Connected for
                </th>
                <th>
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {people.map((person) => (
                <Row
                  key={person.who.participantId}
                  person={person}
                  now={now}
                  path={sessionPath(stageId(arn), sessionId, person.who.participantId)}
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
  now: number;
  path: string;
  onDisconnect: Props['onDisconnect'];
}) {
  const { person, now, path, onDisconnect } = props;
  const { who } = person;
  const name = nameOf(who);
  return (
    <tr data-participant={who.participantId}>
      <th scope="row">
        <Link to={path} title={who.participantId}>
          {name}
        </Link>
        {who.userId ? <code className="muted">{shortId(who.participantId)}</code> : null}
      </th>
      <td>
        <Publishing person={person} />
      </td>
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

function Publishing({ person: { who, events } }: { person: PersonHistory }) {
  if (!who.published) return <span className="muted">No</span>;
  if (events === undefined) return <span className="muted">…</span>;
  const isOpen = laneOf(events, 0).publishes.at(-1)?.isOpen === true;
  return isOpen ? <span className="yes">Yes</span> : <span className="muted">Stopped</span>;
}

function joinedAt(who: ParticipantSummary, { events }: PersonHistory, now: number): number {
  const latest = events === undefined ? undefined : laneOf(events, now).stays.at(-1);
  return latest?.from ?? (who.firstJoinTime === undefined ? now : Date.parse(who.firstJoinTime));
}
