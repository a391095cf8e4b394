import { StageConnectionState, StageLeftReason } from '@proscenium/web';
import { useCallback, useEffect, useState, useSyncExternalStore, type ReactNode } from 'react';
import { explain } from '../aws/explain.ts';
import {
  CameraIcon,
  CameraOffIcon,
  DevicesIcon,
  LeaveIcon,
  MicIcon,
  MicOffIcon,
} from '../ui/icons.tsx';
import { Notice, Popup } from '../ui/parts.tsx';
import { useCapture, type Capture } from './capture.ts';
import { Devices } from './Devices.tsx';
import { Lobby } from './Lobby.tsx';
import { RoomModel, type Kind, type Person, type RoomState } from './model.ts';
import { Tile } from './Tile.tsx';
import { connectionWords, errorWords, leftWords } from './words.ts';

interface Props {
  /** Whether the token depends on a name that is asked for before. */
  asksName: boolean;
  getToken: (name: string) => Promise<string>;
  /** Buttons on the tile of somebody else. */
  actionsFor?: (person: Person) => ReactNode;
  /** Told when one has come on stage, and when one is not on it any more. */
  onStay?: (isThere: boolean) => void;
}

/** A stay on a stage with camera and microphone: first the lobby, then the room. */
export function Room({ asksName, getToken, actionsFor, onStay }: Props) {
  const capture = useCapture();
  const [model, setModel] = useState<RoomModel>();
  const [muted, setMuted] = useState<Record<Kind, boolean>>({ audio: false, video: false });
  const [problem, setProblem] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const state = useRoomState(model);

  const isThere = state?.hasJoined === true;

  useEffect(() => () => model?.leave(), [model]);
  useLeaveOnClose(model);
  useHiding(model);
  useEffect(() => onStay?.(isThere), [isThere, onStay]);
  useEffect(() => {
    for (const kind of ['audio', 'video'] as const) {
      const track = capture.tracks[kind];
      // What was muted stays muted when the device changes.
      if (track !== undefined && model !== undefined) track.enabled = !muted[kind];
    }
    model?.setTracks(capture.tracks);
    // Not when muted changes: muting alone goes through the model, which tells the others at once.
  }, [model, capture.tracks]);

  const join = async (name: string) => {
    setProblem(undefined);
    setAsking(true);
    try {
      const token = await getToken(name);
      const next = new RoomModel(token, capture.tracks);
      setMuted({ audio: false, video: false });
      setModel(next);
      await next.join();
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setAsking(false);
    }
  };

  const mute = useCallback(
    (kind: Kind, value: boolean) => {
      model?.setMuted(kind, value);
      setMuted((before) => ({ ...before, [kind]: value }));
    },
    [model],
  );

  if (model !== undefined && isThere) {
    return (
      <Stay
        state={state}
        capture={capture}
        muted={muted}
        onMute={mute}
        onLeave={() => model.leave()}
        onPrefer={(person, layer) => model.prefer(person.id, layer)}
        {...(actionsFor === undefined ? {} : { actionsFor })}
      />
    );
  }
  return (
    <Lobby
      capture={capture}
      asksName={asksName}
      isJoining={isAsking || state?.connection === StageConnectionState.CONNECTING}
      message={lobbyMessage(state, problem)}
      onJoin={(name) => void join(name)}
    />
  );
}

interface StayProps {
  state: RoomState;
  capture: Capture;
  muted: Record<Kind, boolean>;
  onMute: (kind: Kind, muted: boolean) => void;
  onLeave: () => void;
  onPrefer: (person: Person, layer: string | undefined) => void;
  actionsFor?: (person: Person) => ReactNode;
}

function Stay({ state, capture, muted, onMute, onLeave, onPrefer, actionsFor }: StayProps) {
  const others = state.people.filter((p) => !p.isLocal);
  const me = state.people.filter((p) => p.isLocal && (p.isPublishing || p.isPending));
  const shown = [...others, ...me];
  return (
    <div className="room">
      <div className="room-state">
        <Connection state={state} />
        <span className="muted">{peopleWords(others.length)}</span>
      </div>
      {state.error === undefined ? null : <Notice tone="error">{errorWords(state.error)}</Notice>}
      <div className="grid" data-count={shown.length}>
        {shown.map((person) => (
          <Tile
            key={person.id}
            person={person}
            silent={person.isLocal}
            metered
            actions={person.isLocal ? undefined : actionsFor?.(person)}
            {...(person.isLocal ? {} : { onPrefer: (layer) => onPrefer(person, layer) })}
          />
        ))}
        {shown.length === 0 ? (
          <p className="empty">
            Nobody is on stage yet. Whoever joins with a host link appears here.
          </p>
        ) : null}
      </div>
      <div className="controls" role="toolbar" aria-label="Your media">
        <MuteButton kind="audio" capture={capture} muted={muted} onMute={onMute} />
        <MuteButton kind="video" capture={capture} muted={muted} onMute={onMute} />
        <Popup
          label={
            <>
              <DevicesIcon />
              Devices
            </>
          }
        >
          <Devices capture={capture} />
        </Popup>
        <button type="button" className="button danger" onClick={onLeave}>
          <LeaveIcon />
          Leave
        </button>
      </div>
    </div>
  );
}

function MuteButton(props: {
  kind: Kind;
  capture: Capture;
  muted: Record<Kind, boolean>;
  onMute: (kind: Kind, muted: boolean) => void;
}) {
  const { kind, capture, muted, onMute } = props;
  const isMissing = capture.tracks[kind] === undefined;
  const isOff = isMissing || muted[kind];
  const words = { audio: ['Mute', 'Unmute'], video: ['Stop video', 'Start video'] }[kind];
  const [on, offIcon] =
    kind === 'audio'
      ? [<MicIcon key="on" />, <MicOffIcon key="off" />]
      : [<CameraIcon key="on" />, <CameraOffIcon key="off" />];
  return (
    <button
      type="button"
      className={isOff ? 'button off' : 'button'}
      aria-pressed={isOff}
      disabled={isMissing}
      title={isMissing ? 'No device is chosen' : undefined}
      onClick={() => onMute(kind, !muted[kind])}
    >
      {isOff ? offIcon : on}
      <span className="label">{isOff ? words?.[1] : words?.[0]}</span>
    </button>
  );
}

export function Connection({ state }: { state: RoomState }) {
  return (
    <span className="connection" data-state={state.connection} role="status">
      {connectionWords(state.connection, state.hasJoined)}
    </span>
  );
}

export function useRoomState(model: RoomModel | undefined): RoomState | undefined {
  return useSyncExternalStore(
    useCallback((listener) => model?.subscribe(listener) ?? (() => undefined), [model]),
    () => model?.snapshot(),
  );
}

/** Leaves when the tab is closed, so that nobody is left looking at a frozen picture. */
export function useLeaveOnClose(model: RoomModel | undefined): void {
  useEffect(() => {
    const leave = () => model?.leave();
    addEventListener('pagehide', leave);
    return () => removeEventListener('pagehide', leave);
  }, [model]);
}

/** How long a page is hidden before it takes no pictures any more. */
const hiddenMs = 5000;

/** Takes no pictures while the page is in the background; the sound goes on. */
export function useHiding(model: RoomModel | undefined): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      const isHidden = document.hidden && document.pictureInPictureElement === null;
      if (isHidden) timer = setTimeout(() => model?.setHidden(true), hiddenMs);
      else model?.setHidden(false);
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [model]);
}

function lobbyMessage(state: RoomState | undefined, problem: string | undefined) {
  if (problem !== undefined) return { tone: 'error', text: problem } as const;
  if (state?.error !== undefined && state.left === undefined) {
    return { tone: 'error', text: errorWords(state.error) } as const;
  }
  if (state?.left === undefined || state.left === StageLeftReason.USER_INITIATED) return undefined;
  const { title, text } = leftWords(state.left);
  return { tone: 'info', text: `${title}. ${text}` } as const;
}

function peopleWords(count: number): string {
  if (count === 0) return 'Nobody else is on stage';
  return count === 1 ? '1 other on stage' : `${count} others on stage`;
}
