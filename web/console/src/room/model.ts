import {
  LocalStageStream,
  Stage,
  StageConnectionState,
  StageEvents,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  StreamType,
  SubscribeType,
  type StageConfiguration,
  type StageError,
  type StageLeftReason,
  type StageParticipantInfo,
  type StageStream,
} from '@proscenium/web';

export type Kind = 'audio' | 'video';

/** Somebody who is seen in the room: who it is, and the media that there is of it. */
export interface Person {
  id: string;
  name: string;
  isLocal: boolean;
  isPublishing: boolean;
  audioMuted: boolean;
  videoStopped: boolean;
  /** True while the media path is being made or made anew. */
  isPending: boolean;
  audio: MediaStreamTrack | undefined;
  video: MediaStreamTrack | undefined;
}

export interface RoomState {
  connection: StageConnectionState;
  hasJoined: boolean;
  people: Person[];
  /** Why the stay ended, once it has. */
  left: StageLeftReason | undefined;
  /** The last thing that went wrong. */
  error: StageError | undefined;
}

export type Tracks = Partial<Record<Kind, MediaStreamTrack>>;

interface Entry {
  info: StageParticipantInfo;
  isPending: boolean;
  streams: Map<StreamType, StageStream>;
}

/**
 * RoomModel is one stay on a stage in the form that the pages draw: an unchanging picture of the
 * state, and a call whenever there is a newer one.
 */
export class RoomModel {
  readonly #stage: Stage;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  readonly #local = new Map<Kind, LocalStageStream>();
  #state: RoomState = {
    connection: StageConnectionState.DISCONNECTED,
    hasJoined: false,
    people: [],
    left: undefined,
    error: undefined,
  };

  /** Throws a StageError when the token is none. */
  constructor(token: string, tracks: Tracks = {}, config: StageConfiguration = {}) {
    this.#setTracks(tracks);
    this.#stage = new Stage(
      token,
      {
        shouldPublishParticipant: () => this.#local.size > 0,
        stageStreamsToPublish: () => [...this.#local.values()],
        shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
      },
      config,
    );
    this.#listen();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): RoomState => this.#state;

  async join(): Promise<void> {
    this.#change({ left: undefined, error: undefined });
    performance.mark('stage-join');
    // What went wrong arrives as an event, too, and is shown from there.
    await this.#stage.join().catch(() => undefined);
  }

  leave(): void {
    this.#stage.leave();
  }

  /** Publishes these tracks from now on. */
  setTracks(tracks: Tracks): void {
    this.#setTracks(tracks);
    this.#stage.refreshStrategy();
  }

  setMuted(kind: Kind, muted: boolean): void {
    this.#local.get(kind)?.setMuted(muted);
  }

  #setTracks(tracks: Tracks): void {
    for (const kind of ['audio', 'video'] as const) {
      const track = tracks[kind];
      if (track === undefined) this.#local.delete(kind);
      else if (this.#local.get(kind)?.mediaStreamTrack !== track) {
        this.#local.set(kind, new LocalStageStream(track));
      }
    }
  }

  #listen(): void {
    const stage = this.#stage;
    const events = StageEvents;
    stage.on(events.STAGE_CONNECTION_STATE_CHANGED, (connection) => {
      const hasJoined = this.#state.hasJoined || connection === StageConnectionState.CONNECTED;
      this.#change({ connection, hasJoined });
    });
    stage.on(events.STAGE_PARTICIPANT_JOINED, (info) => this.#entry(info));
    stage.on(events.STAGE_PARTICIPANT_LEFT, (info) => {
      this.#entries.delete(info.id);
      this.#redraw();
    });
    stage.on(events.STAGE_PARTICIPANT_STREAMS_ADDED, (info, streams) => {
      const entry = this.#entry(info);
      for (const stream of streams) entry.streams.set(stream.streamType, stream);
      this.#redraw();
    });
    stage.on(events.STAGE_PARTICIPANT_STREAMS_REMOVED, (info, streams) => {
      const entry = this.#entry(info);
      for (const stream of streams) entry.streams.delete(stream.streamType);
      this.#redraw();
    });
    stage.on(events.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (info, state) => {
      const pending = state === StageParticipantPublishState.ATTEMPTING_PUBLISH;
      this.#pend(info, pending);
    });
    stage.on(events.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED, (info, state) => {
      const pending = state === StageParticipantSubscribeState.ATTEMPTING_SUBSCRIBE;
      if (this.#entries.has(info.id)) this.#pend(info, pending);
    });
    stage.on(events.STAGE_PARTICIPANT_METADATA_CHANGED, () => this.#redraw());
    stage.on(events.STAGE_STREAM_MUTE_CHANGED, () => this.#redraw());
    stage.on(events.ERROR, (error) => this.#change({ error }));
    stage.on(events.STAGE_LEFT, (left) => {
      this.#entries.clear();
      this.#change({ left, hasJoined: false, people: [] });
    });
  }

  #pend(info: StageParticipantInfo, isPending: boolean): void {
    if (!this.#state.hasJoined) return;
    this.#entry(info).isPending = isPending;
    this.#redraw();
  }

  #entry(info: StageParticipantInfo): Entry {
    const entry = this.#entries.get(info.id) ?? { info, isPending: false, streams: new Map() };
    this.#entries.set(info.id, entry);
    this.#redraw();
    return entry;
  }

  #redraw(): void {
    this.#change({ people: [...this.#entries.values()].map(person) });
  }

  #change(changes: Partial<RoomState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const listener of this.#listeners) listener();
  }
}

function person({ info, isPending, streams }: Entry): Person {
  const { id, isLocal, isPublishing, audioMuted, videoStopped } = info;
  return {
    id,
    name: nameOf(info),
    isLocal,
    isPublishing,
    audioMuted,
    videoStopped,
    isPending,
    audio: streams.get(StreamType.AUDIO)?.mediaStreamTrack,
    video: streams.get(StreamType.VIDEO)?.mediaStreamTrack,
  };
}

// Applications put display names into attributes under several keys; the ids are what remains.
function nameOf({ attributes, userId, id }: StageParticipantInfo): string {
  const names = [attributes['displayName'], attributes['name'], attributes['username'], userId, id];
  const name = names.find((n) => n !== undefined && n.trim() !== '') ?? id;
  return name.slice(0, 80);
}
