import { useState, type FormEvent } from 'react';
import { Field, Notice } from '../ui/parts.tsx';
import type { Capture } from './capture.ts';
import { Devices } from './Devices.tsx';
import type { Person } from './model.ts';
import { Tile } from './Tile.tsx';

interface Props {
  capture: Capture;
  /** Whether the name on stage is chosen here. */
  asksName: boolean;
  isJoining: boolean;
  message: { tone: 'error' | 'info'; text: string } | undefined;
  onJoin: (name: string) => void;
}

const noStats = () => Promise.resolve([]);

/** Before joining: what the others will see and hear, and the button. */
export function Lobby({ capture, asksName, isJoining, message, onJoin }: Props) {
  const [name, setName] = useState('');
  const { audio, video } = capture.tracks;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onJoin(name.trim());
  };
  const preview: Person = {
    id: 'preview',
    name: name.trim() || 'You',
    isLocal: true,
    isPublishing: false,
    audioMuted: audio === undefined,
    videoStopped: false,
    isPending: capture.chosen.video !== undefined && video === undefined,
    audio,
    video,
    layers: [],
    preferred: undefined,
    stats: noStats,
  };
  return (
    <form className="lobby" onSubmit={submit}>
      <Tile person={preview} silent metered />
      <div className="lobby-side card">
        {message === undefined ? null : <Notice tone={message.tone}>{message.text}</Notice>}
        {asksName ? (
          <Field label="Your name on stage" hint="The others see it. You may leave it empty.">
            {(id) => (
              <input
                id={id}
                value={name}
                maxLength={80}
                autoComplete="name"
                onChange={(event) => setName(event.currentTarget.value)}
              />
            )}
          </Field>
        ) : null}
        <Devices capture={capture} />
        <button className="button primary wide" disabled={isJoining}>
          {isJoining ? 'Joining…' : joinLabel(audio, video)}
        </button>
      </div>
    </form>
  );
}

function joinLabel(audio: unknown, video: unknown): string {
  if (audio === undefined && video === undefined) return 'Join to watch';
  if (video === undefined) return 'Join with sound only';
  if (audio === undefined) return 'Join with picture only';
  return 'Join';
}
