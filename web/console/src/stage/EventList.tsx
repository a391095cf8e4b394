import { useState } from 'react';
import type { ParticipantEvent } from '../aws/client.ts';
import { Link } from '../ui/route.tsx';
import type { PersonHistory } from './history.ts';
import { nameOf, shortId } from './useHistory.ts';
import { clockWords, errorCodeWords, eventWords, isError } from './words.ts';

interface Props {
  people: readonly PersonHistory[];
  /** Whose events alone are shown. */
  chosen: string | undefined;
  /** The event to point out. */
  marked: ParticipantEvent | undefined;
  pathOf: (participantId: string) => string;
}

const atOnce = 200;

/** What happened, latest first, in words. */
export function EventList({ people, chosen, marked, pathOf }: Props) {
  const [errorsOnly, setErrorsOnly] = useState(false);
  const [limit, setLimit] = useState(atOnce);
  const names = new Map(people.map(({ who }) => [who.participantId, nameOf(who)]));
  const all = people
    .filter(({ who }) => chosen === undefined || who.participantId === chosen)
    .flatMap(({ events }) => events ?? [])
    .filter((event) => !errorsOnly || isError(event.name))
    .map((event, order) => ({ event, order, at: Date.parse(event.eventTime) }))
    .sort((a, b) => b.at - a.at || b.order - a.order);
  const isLoading = people.some((person) => person.events === undefined);

  return (
    <section className="events" aria-labelledby="events">
      <div className="row">
        <h2 id="events" className="grow">
          Events
        </h2>
        <label className="inline">
          <input
            type="checkbox"
            checked={errorsOnly}
            onChange={(event) => setErrorsOnly(event.currentTarget.checked)}
          />
          Errors only
        </label>
      </div>
      {all.length === 0 && !isLoading ? (
        <p className="empty card">{errorsOnly ? 'No errors.' : 'Nothing happened yet.'}</p>
      ) : (
        <ol className="event-list card">
          {all.slice(0, limit).map(({ event, order, at }) => (
            <li key={order} data-error={isError(event.name)} data-marked={event === marked}>
              <time dateTime={event.eventTime} title={event.eventTime}>
                {clockWords(at)}
              </time>
              {chosen === undefined ? (
                <Link className="event-who" to={pathOf(event.participantId)} replace>
                  {names.get(event.participantId)}
                </Link>
              ) : null}
              <span className="event-what">
                {eventWords(event.name, remoteName(event, names))}
                {event.errorCode === undefined ? null : (
                  <>
                    : <code>{event.errorCode}</code>
                    <span className="event-why">{errorCodeWords(event.errorCode)}</span>
                  </>
                )}
              </span>
            </li>
          ))}
        </ol>
      )}
      {all.length > limit ? (
        <button type="button" className="button" onClick={() => setLimit(limit + atOnce)}>
          Show earlier events
        </button>
      ) : null}
    </section>
  );
}

function remoteName(event: ParticipantEvent, names: Map<string, string>): string | undefined {
  const id = event.remoteParticipantId;
  return id ? (names.get(id) ?? shortId(id)) : undefined;
}
