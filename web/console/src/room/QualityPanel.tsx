import { useEffect, useId, useRef, useState } from 'react';
import { bitrateWords } from '../stage/figures.ts';
import type { Person } from './model.ts';
import { linesWords, pictureWords, readQuality, type Counts, type Quality } from './quality.ts';

const everyMs = 2000;
const auto = 'auto';

interface Props {
  person: Person;
  /** Absent for oneself. */
  onPrefer?: (layer: string | undefined) => void;
}

/** How a person's picture comes or goes: its size at a glance, and on a click the rest. */
export function QualityPanel({ person, onPrefer }: Props) {
  const quality = useQuality(person);
  const details = useRef<HTMLDetailsElement>(null);
  useCloseOutside(details);
  const selected = person.layers.find((layer) => layer.selected);
  const shown = selected ?? quality?.pictures.find((picture) => picture.height > 0);
  if (person.video === undefined || person.videoStopped || !shown?.height) return null;
  return (
    <details ref={details} className="quality" data-layer={selected?.label ?? ''}>
      <summary title="Picture and connection" aria-label={`Quality of ${person.name}`}>
        {linesWords(shown)}
      </summary>
      <div className="quality-body">
        {onPrefer === undefined || person.layers.length < 2 ? null : (
          <LayerChoice person={person} onPrefer={onPrefer} />
        )}
        {quality === undefined ? null : <Facts quality={quality} isLocal={person.isLocal} />}
      </div>
    </details>
  );
}

function LayerChoice({ person, onPrefer }: Required<Props>) {
  const id = useId();
  return (
    <p className="quality-choice">
      <label htmlFor={id}>Quality</label>
      <select
        id={id}
        value={person.preferred ?? auto}
        onChange={({ currentTarget: { value } }) => onPrefer(value === auto ? undefined : value)}
      >
        <option value={auto}>Best that fits</option>
        {person.layers.toReversed().map((layer) => (
          <option key={layer.label} value={layer.label}>
            {layer.height === 0 ? layer.label : linesWords(layer)}
          </option>
        ))}
      </select>
    </p>
  );
}

function Facts({ quality, isLocal }: { quality: Quality; isLocal: boolean }) {
  const { bitrate, loss, roundTripMs, pictures } = quality;
  return (
    <dl>
      {pictures
        .filter((picture) => picture.height > 0 || !picture.isActive)
        .map((picture) => (
          <div key={picture.rid} data-rid={picture.rid} data-active={picture.isActive}>
            <dt>{picture.rid === '' ? 'Picture' : picture.rid}</dt>
            <dd>
              {picture.isActive
                ? `${pictureWords(picture)}${pictures.length > 1 && bitrate !== undefined ? ` · ${bitrateWords(picture.bitrate)}` : ''}`
                : 'not sent: nobody watches it'}
            </dd>
          </div>
        ))}
      <div>
        <dt>{isLocal ? 'Sent' : 'Received'}</dt>
        <dd>{bitrate === undefined ? '–' : bitrateWords(bitrate)}</dd>
      </div>
      <div>
        <dt>Lost</dt>
        <dd>{loss === undefined ? '–' : `${(loss * 100).toFixed(1)} %`}</dd>
      </div>
      <div>
        <dt>Round trip</dt>
        <dd>{roundTripMs === undefined ? '–' : `${Math.round(roundTripMs)} ms`}</dd>
      </div>
    </dl>
  );
}

function useQuality({ stats, video }: Person): Quality | undefined {
  const [quality, setQuality] = useState<Quality>();
  useEffect(() => {
    let counts: Counts | undefined;
    let isOver = false;
    const read = async () => {
      const reports = await stats().catch(() => []);
      if (isOver) return;
      counts = readQuality(reports, counts);
      setQuality(counts.quality);
    };
    void read();
    const timer = setInterval(() => void read(), everyMs);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [stats, video]);
  return quality;
}

function useCloseOutside(details: React.RefObject<HTMLDetailsElement | null>): void {
  useEffect(() => {
    const close = (event: Event) => {
      const element = details.current;
      if (element === null || !element.open) return;
      if (event instanceof KeyboardEvent && event.key !== 'Escape') return;
      const isInside = event.target instanceof Node && element.contains(event.target);
      if (event instanceof PointerEvent && isInside) return;
      element.open = false;
    };
    addEventListener('pointerdown', close);
    addEventListener('keydown', close);
    return () => {
      removeEventListener('pointerdown', close);
      removeEventListener('keydown', close);
    };
  }, [details]);
}
