import {
  useCallback,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type FormEvent,
} from 'react';
import type { Client } from '../aws/client.ts';
import { errorCodeWords } from '../stage/words.ts';
import { Feed, type FeedState, type Told, type Wish } from '../told/feed.ts';
import { eventNames, patternOf, patternProblem } from '../told/pattern.ts';
import { Replay } from '../told/Replay.tsx';
import { CopyButton, Field, Notice } from '../ui/parts.tsx';
import { Link } from '../ui/route.tsx';
import { sessionPath, stageId } from './stage.ts';

interface Props {
  client: Client;
  onError: (error: unknown) => string | undefined;
}

const everything: Wish = { pattern: undefined, from: undefined };

/** What the outside is told, as it is told. */
export function EventsPage({ client, onError }: Props) {
  const [wish, setWish] = useState(everything);
  const [problem, setProblem] = useState<string>();
  const [done, setDone] = useState<string>();
  const [replayed, setReplayed] = useState<number>();
  const feed = useMemo(() => new Feed(client, wish), [client, wish]);
  const state = useSyncExternalStore(feed.subscribe, feed.snapshot);
  useEffect(() => feed.start(), [feed]);
  useEffect(() => {
    document.title = 'Events · Proscenium';
  }, []);
  useEffect(() => {
    setProblem(state.problem === undefined ? undefined : onError(state.problem));
  }, [state.problem, onError]);
  const closeReplay = useCallback((words?: string) => {
    setReplayed(undefined);
    setDone(words);
  }, []);
  const link = linkOf(state);

  return (
    <main className="page wide">
      <div className="row">
        <h1>Events</h1>
        <span className="connection" data-state={link.state} role="status">
          {link.words}
        </span>
        <button
          type="button"
          className="button"
          aria-pressed={state.isPaused}
          onClick={() => feed.pause(!state.isPaused)}
        >
          {state.isPaused
            ? state.waiting === 0
              ? 'Go on'
              : `Go on, show ${state.waiting} more`
            : 'Pause'}
        </button>
      </div>
      <Filter client={client} onError={onError} onWish={setWish} />
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {done === undefined ? null : <Notice tone="info">{done}</Notice>}
      {state.events.length > 0 || problem !== undefined ? null : (
        <div className="empty card">
          <h2>No events</h2>
          <p>
            {wish.pattern === undefined
              ? 'They appear here as soon as somebody publishes.'
              : 'None so far that the filter lets through. They appear here as they come.'}
          </p>
        </div>
      )}
      {state.events.length === 0 ? null : (
        <ol className="event-list feed card">
          {state.events.map((told) => (
            <Row key={told.seq} told={told} onReplay={setReplayed} />
          ))}
        </ol>
      )}
      {replayed === undefined ? null : (
        <Replay client={client} seq={replayed} onError={onError} onClose={closeReplay} />
      )}
    </main>
  );
}

function linkOf({ isPaused, isFollowing, problem }: FeedState): { state: string; words: string } {
  if (isPaused) return { state: 'paused', words: 'Paused' };
  if (isFollowing) return { state: 'connected', words: 'Live' };
  return problem === undefined
    ? { state: 'connecting', words: 'Connecting…' }
    : { state: 'errored', words: 'Not connected' };
}

function Filter(props: Props & { onWish: (wish: Wish) => void }) {
  const { client, onError, onWish } = props;
  const [pattern, setPattern] = useState('');
  const [problem, setProblem] = useState<string>();

  const readFields = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const value = (name: string) => String(data.get(name) ?? '').trim();
    const stage = value('stage');
    try {
      const isArn = stage === '' || stage.startsWith('arn:');
      const stageArn = isArn ? stage : await client.stageArn(stage);
      setPattern(patternOf({ name: value('name'), stageArn, participant: value('participant') }));
    } catch (error) {
      setProblem(onError(error));
    }
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = pattern.trim();
    const wrong = patternProblem(text);
    setProblem(wrong);
    if (wrong !== undefined) return;
    const from = String(new FormData(event.currentTarget).get('from') ?? '');
    onWish({
      pattern: text === '' ? undefined : text,
      from: from === '' ? undefined : new Date(from).toISOString(),
    });
  };
  const reset = () => {
    setPattern('');
    setProblem(undefined);
    onWish(everything);
  };

  return (
    <form className="card filter" aria-label="Filter" onSubmit={submit} onReset={reset}>
      <div
        className="filter-fields"
        onChange={(event) => {
          const { form, name } = event.target as HTMLInputElement;
          if (form !== null && name !== 'from') void readFields(form);
        }}
      >
        <Field label="Event">
          {(id) => (
            <select id={id} name="name">
              <option value="">Any</option>
              {eventNames.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Stage">
          {(id) => <input id={id} name="stage" placeholder="Id or ARN" spellCheck={false} />}
        </Field>
        <Field label="Participant">
          {(id) => <input id={id} name="participant" placeholder="Id" spellCheck={false} />}
        </Field>
        <Field label="From">
          {(id) => <input id={id} name="from" type="datetime-local" step="1" />}
        </Field>
      </div>
      <details>
        <summary>Pattern</summary>
        <Field
          label="Event pattern"
          hint="In the language of EventBridge; the fields above write it."
        >
          {(id) => (
            <textarea
              id={id}
              rows={3}
              spellCheck={false}
              value={pattern}
              placeholder='{"detail":{"event_name":[{"prefix":"Participant"}]}}'
              onChange={(event) => setPattern(event.currentTarget.value)}
            />
          )}
        </Field>
      </details>
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      <div className="row">
        <button className="button primary">Apply</button>
        <button type="reset" className="button quiet">
          Clear
        </button>
      </div>
    </form>
  );
}

const timeWords = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });

function Row({ told, onReplay }: { told: Told; onReplay: (seq: number) => void }) {
  const { seq, event } = told;
  const [isOpen, setOpen] = useState(false);
  const { event_name, session_id, participant_id, user_id, error_code } = event.detail;
  const arn = event.resources[0] ?? '';
  const name = text(event_name) || event['detail-type'];
  const isOfStage = /:stage\/\w+$/.test(arn) && text(session_id) !== '';
  const who = text(user_id) || text(participant_id);
  return (
    <li data-error={text(error_code) !== ''} data-seq={seq}>
      <button
        type="button"
        className="feed-name"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {name}
      </button>
      <time dateTime={event.time}>{timeWords.format(Date.parse(event.time))}</time>
      <span className="event-what">
        {isOfStage ? (
          <Link to={sessionPath(stageId(arn), text(session_id), text(participant_id) || undefined)}>
            {who || stageId(arn)}
          </Link>
        ) : (
          who || arn
        )}
        {text(error_code) === '' ? null : (
          <span className="event-why">
            <code>{text(error_code)}</code> {errorCodeWords(text(error_code))}
          </span>
        )}
      </span>
      <code className="muted seq">#{seq}</code>
      {isOpen ? (
        <div className="feed-body">
          <pre tabIndex={0}>{JSON.stringify(event, null, 2)}</pre>
          <div className="row">
            <CopyButton value={JSON.stringify(event)} />
            <button type="button" className="button" onClick={() => onReplay(seq)}>
              Replay from here
            </button>
          </div>
        </div>
      ) : null}
    </li>
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
