import { useEffect, useRef, useState, type ReactNode } from 'react';
import { FullIcon, MicOffIcon } from '../ui/icons.tsx';
import { watchLevel } from './level.ts';
import type { Person } from './model.ts';
import { QualityPanel } from './QualityPanel.tsx';

interface Props {
  person: Person;
  /** Play no sound: one's own voice, or a browser that allows none yet. */
  silent: boolean;
  /** Show how loud the person is. */
  metered: boolean;
  /** The browser refuses to play sound before the first click. */
  onBlocked?: () => void;
  actions?: ReactNode;
  /** Chooses the layer of somebody else's picture; undefined leaves it to the server. */
  onPrefer?: (layer: string | undefined) => void;
}

/** One person: the picture, or the initials when there is none, with name, sound and mute state. */
export function Tile({ person, silent, metered, onBlocked, actions, onPrefer }: Props) {
  const frame = useRef<HTMLElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const hasPicture = usePlayback(video, person, silent, onBlocked);
  useSpeaking(frame, metered && !person.audioMuted ? person.audio : undefined);
  const shown = hasPicture && person.video !== undefined && !person.videoStopped;
  return (
    <article
      ref={frame}
      className="tile"
      data-local={person.isLocal}
      data-participant={person.id}
      aria-label={person.isLocal ? `${person.name} (you)` : person.name}
    >
      <video ref={video} playsInline autoPlay className={shown ? '' : 'hidden'} />
      {shown ? null : <Placeholder person={person} />}
      <footer className="tile-bar">
        {person.audioMuted ? (
          <span className="tile-badge" title="Muted" data-muted="audio">
            <MicOffIcon />
            <span className="sr">muted</span>
          </span>
        ) : null}
        <span className="tile-name">{person.name}</span>
        {person.isLocal ? <span className="tile-you">you</span> : null}
        {metered && person.audio !== undefined ? (
          <span className="meter" aria-hidden="true" />
        ) : null}
        <QualityPanel person={person} {...(onPrefer === undefined ? {} : { onPrefer })} />
      </footer>
      <div className="tile-actions">
        {actions}
        <button
          type="button"
          className="icon-button"
          title="Full screen"
          aria-label={`Show ${person.name} in full screen`}
          onClick={() => void toggleFullScreen(frame.current)}
        >
          <FullIcon />
        </button>
      </div>
    </article>
  );
}

function Placeholder({ person }: { person: Person }) {
  const isComing = person.isPending || (person.video !== undefined && !person.videoStopped);
  return (
    <div className="tile-empty" data-coming={isComing} data-stopped={person.videoStopped}>
      <span aria-hidden="true">{initials(person.name)}</span>
      {person.videoStopped ? <span className="sr">Video is off</span> : null}
    </div>
  );
}

/** Feeds the tracks to the element; true once there is a picture to show. */
function usePlayback(
  ref: React.RefObject<HTMLVideoElement | null>,
  { audio, video }: Person,
  silent: boolean,
  onBlocked: (() => void) | undefined,
): boolean {
  const [hasPicture, setHasPicture] = useState(false);
  const blocked = useRef(onBlocked);
  blocked.current = onBlocked;

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    element.muted = silent;
    if (!silent && element.srcObject !== null) play(element, blocked.current);
  }, [ref, silent]);

  useEffect(() => {
    const element = ref.current;
    const tracks = [audio, video].filter((track) => track !== undefined);
    if (element === null || tracks.length === 0) return;
    setHasPicture(false);
    const onPicture = () => setHasPicture(element.videoWidth > 0);
    element.addEventListener('loadeddata', onPicture);
    element.addEventListener('resize', onPicture);
    element.srcObject = new MediaStream(tracks);
    play(element, blocked.current);
    return () => {
      element.removeEventListener('loadeddata', onPicture);
      element.removeEventListener('resize', onPicture);
      element.srcObject = null;
    };
  }, [ref, audio, video]);

  return hasPicture;
}

function play(element: HTMLVideoElement, onBlocked: (() => void) | undefined): void {
  element.play().catch((error: unknown) => {
    // Anything else is a newer call to play, or an element that has gone.
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
    element.muted = true;
    element.play().catch(() => undefined);
    onBlocked?.();
  });
}

/** Writes the loudness into the style of the tile, past React, since it changes all the time. */
function useSpeaking(
  ref: React.RefObject<HTMLElement | null>,
  audio: MediaStreamTrack | undefined,
): void {
  useEffect(() => {
    const element = ref.current;
    if (element === null || audio === undefined) return;
    const stop = watchLevel(audio, (level) => {
      element.style.setProperty('--level', level.toFixed(2));
      element.classList.toggle('speaking', level > 0.35);
    });
    return () => {
      stop();
      element.style.removeProperty('--level');
      element.classList.remove('speaking');
    };
  }, [ref, audio]);
}

async function toggleFullScreen(element: HTMLElement | null): Promise<void> {
  if (document.fullscreenElement !== null) await document.exitFullscreen();
  else await element?.requestFullscreen().catch(() => undefined);
}

function initials(name: string): string {
  const words = name.split(/[\s._@-]+/).filter((word) => word !== '');
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase();
}
