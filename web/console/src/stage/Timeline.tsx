import {
  useEffect,
  useMemo,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
} from 'react';
import type { ParticipantEvent } from '../aws/client.ts';
import type { PersonHistory } from './history.ts';
import { laneOf, ticks, type Span } from './timeline.ts';
import { nameOf } from './useHistory.ts';
import { clockWords, durationWords, errorCodeWords, eventWords, tickWords } from './words.ts';

interface Props {
  people: readonly PersonHistory[];
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  isRunning: boolean;
  chosen: string | undefined;
  onChoose: (participantId: string, event?: ParticipantEvent) => void;
}

const widthOfTick = 100;
const zooms = [1, 2, 4, 8, 16, 32, 64];

/** A lane per participant on one axis of time. Whatever is drawn here is also in the list below. */
export function Timeline({ people, from, to, isRunning, chosen, onChoose }: Props) {
  const [zoom, setZoom] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const list = useRef<HTMLOListElement>(null);
  const factor = zooms[zoom] ?? 1;
  const scale = useMemo(() => {
    const length = Math.max(1, to - from);
    return (at: number) => Math.min(100, Math.max(0, ((at - from) / length) * 100));
  }, [from, to]);
  const axis = ticks(from, to, Math.floor((width * factor) / widthOfTick));

  const changeZoom = (next: number) => {
    const box = frame.current;
    const middle = box === null ? 0 : (box.scrollLeft + box.clientWidth / 2) / box.scrollWidth;
    setZoom(next);
    requestAnimationFrame(() => {
      if (box !== null) box.scrollLeft = middle * box.scrollWidth - box.clientWidth / 2;
    });
  };
  // Up and down go from name to name; everything is reached by Tab as well.
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement)) return;
    const names = [...(list.current?.querySelectorAll<HTMLElement>('.lane-name') ?? [])];
    const next = names[names.indexOf(event.target) + step];
    if (!names.includes(event.target) || next === undefined) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <div className="timeline" data-running={isRunning}>
      <div className="row legend">
        <span className="key stay">On stage</span>
        <span className="key publish">Publishing</span>
        <span className="key receive">Receiving</span>
        <span className="key error">Error</span>
        <span className="grow" />
        <div className="zoom" role="group" aria-label="Zoom">
          <button
            type="button"
            className="icon-button"
            aria-label="Zoom out"
            disabled={zoom === 0}
            onClick={() => changeZoom(zoom - 1)}
          >
            −
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Zoom in"
            disabled={zoom === zooms.length - 1}
            onClick={() => changeZoom(zoom + 1)}
          >
            +
          </button>
        </div>
      </div>
      {/* Scrolls by the arrow keys once it is wider than the page. */}
      <div
        className="timeline-frame"
        ref={frame}
        role="region"
        aria-label="Timeline"
        tabIndex={factor > 1 ? 0 : -1}
      >
        <div className="timeline-sheet" style={{ '--zoom': factor } as CSSProperties}>
          <div className="axis" aria-hidden="true">
            {axis.at.map((at) => (
              <span key={at} className="tick" style={{ left: `${scale(at)}%` }}>
                {tickWords(at, axis.step)}
              </span>
            ))}
          </div>
          <ol className="lanes" ref={list} onKeyDown={onKey}>
            {people.map((person) => (
              <LaneRow
                key={person.who.participantId}
                person={person}
                end={to}
                scale={scale}
                isChosen={person.who.participantId === chosen}
                onChoose={onChoose}
              />
            ))}
          </ol>
        </div>
      </div>
    </div>
  );
}

function LaneRow(props: {
  person: PersonHistory;
  end: number;
  scale: (at: number) => number;
  isChosen: boolean;
  onChoose: Props['onChoose'];
}) {
  const { person, end, scale, isChosen, onChoose } = props;
  const { who, events } = person;
  const lane = useMemo(() => laneOf(events ?? [], end), [events, end]);
  const bars = (spans: readonly Span[], kind: string, what: string) =>
    spans.map((span) => (
      <span
        key={`${kind}${span.from}`}
        className={`span ${kind}`}
        data-open={span.isOpen}
        title={`${what} ${clockWords(span.from)} – ${span.isOpen ? 'now' : clockWords(span.to)}, ${durationWords(span.to - span.from)}`}
        style={{ left: `${scale(span.from)}%`, width: `${scale(span.to) - scale(span.from)}%` }}
      />
    ));
  const isHere = who.state === 'CONNECTED';
  return (
    <li className="lane" data-chosen={isChosen} data-participant={who.participantId}>
      <button
        type="button"
        className="lane-name"
        aria-pressed={isChosen}
        onClick={() => onChoose(who.participantId)}
      >
        <span className="dot" data-on={isHere} aria-hidden="true" />
        <span className="lane-label">{nameOf(who)}</span>
        <span className="sr">
          , {isHere ? 'on stage' : 'left'}
          {lane.errors.length === 0 ? '' : `, errors: ${lane.errors.length}`}
        </span>
      </button>
      <div className="track">
        {bars(lane.stays, 'stay', 'On stage')}
        {bars(lane.publishes, 'publish', 'Publishing')}
        {bars(lane.receives, 'receive', 'Receiving')}
        {lane.subscribes.map((mark, n) => (
          <span key={n} className="subscribe" style={{ left: `${scale(mark.at)}%` }} />
        ))}
        {lane.others.map((mark, n) => (
          <span
            key={n}
            className="other"
            title={`${clockWords(mark.at)} ${eventWords(mark.event.name)}`}
            style={{ left: `${scale(mark.at)}%` }}
          />
        ))}
        {lane.errors.map((mark, n) => (
          <button
            key={n}
            type="button"
            className="error"
            style={{ left: `${scale(mark.at)}%` }}
            onClick={() => onChoose(who.participantId, mark.event)}
            aria-label={`${nameOf(who)}, ${clockWords(mark.at)}: ${errorTitle(mark.event)}`}
            title={errorTitle(mark.event)}
          >
            !
          </button>
        ))}
      </div>
    </li>
  );
}

function errorTitle(event: ParticipantEvent): string {
  const code = event.errorCode ?? '';
  return `${eventWords(event.name)}: ${code}. ${errorCodeWords(code)}`;
}

function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const seen = element.current;
    if (seen === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(entry.contentRect.width);
    });
    observer.observe(seen);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
