import {
  LocalStageStream,
  Stage,
  StageConnectionState,
  StageEvents,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
  StreamType,
  SubscribeType,
  RemoteStageStream,
  type StageConfiguration,
  type StageError,
  type StageLeftReason,
  type StageParticipantInfo,
  type StageStream,
  type StageStreamLayer,
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
  /** The forms in which the picture can be had, from the smallest to the largest. */
  layers: StageStreamLayer[];
  /** The layer that was chosen here; undefined leaves the choice to the server. */
  preferred: string | undefined;
  /** Reads what the browser knows of the media; the same function as long as these are the same. */
  stats: () => Promise<(RTCStatsReport | undefined)[]>;
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

/** Each viewer gets the largest picture that its line can take. */
const simulcast = { simulcast: { enabled: true } };

export type Tracks = Partial<Record<Kind, MediaStreamTrack>>;

interface Entry {
  info: StageParticipantInfo;
  isPending: boolean;
  streams: Map<StreamType, StageStream>;
  stats: Person['stats'];
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
  readonly #preferred = new Map<string, string>();
  #isHidden = false;
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
        shouldSubscribeToParticipant: () =>
          this.#isHidden ? SubscribeType.AUDIO_ONLY : SubscribeType.AUDIO_VIDEO,
        preferredLayerForStream: ({ id }) => this.#preferred.get(id),
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

  /** Shows somebody in that layer, or in the best that fits. */
  prefer(id: string, layer: string | undefined): void {
    if (layer === undefined) this.#preferred.delete(id);
    else this.#preferred.set(id, layer);
    this.#stage.refreshStrategy();
    this.#redraw();
  }

  /** Takes no pictures while nobody looks at them. */
  setHidden(isHidden: boolean): void {
    if (this.#isHidden === isHidden) return;
    this.#isHidden = isHidden;
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
        this.#local.set(kind, new LocalStageStream(track, simulcast));
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
    stage.on(events.STAGE_STREAM_LAYERS_CHANGED, () => this.#redraw());
    stage.on(events.STAGE_STREAM_LAYER_SELECTED, () => this.#redraw());
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
    const entry = this.#entries.get(info.id) ?? newEntry(info);
    this.#entries.set(info.id, entry);
    this.#redraw();
    return entry;
  }

  #redraw(): void {
    this.#change({
      people: [...this.#entries.values()].map((entry) => person(entry, this.#preferred)),
    });
  }

  #change(changes: Partial<RoomState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const listener of this.#listeners) listener();
  }
}

function newEntry(info: StageParticipantInfo): Entry {
  const streams: Entry['streams'] = new Map();
  const stats = () => Promise.all([...streams.values()].map((s) => s.requestRTCStats()));
  return { info, isPending: false, streams, stats };
}

function person(
  { info, isPending, streams, stats }: Entry,
  preferred: ReadonlyMap<string, string>,
): Person {
  const { id, isLocal, isPublishing, audioMuted, videoStopped } = info;
  const video = streams.get(StreamType.VIDEO);
  return {
    id,
    name: nameOf(info),
    isLocal,
    isPublishing,
    audioMuted,
    videoStopped,
    isPending,
    audio: streams.get(StreamType.AUDIO)?.mediaStreamTrack,
    video: video?.mediaStreamTrack,
    layers: video instanceof RemoteStageStream ? video.getLayers() : [],
    preferred: preferred.get(id),
    stats,
  };
}

// Applications put display names into attributes under several keys; the ids are what remains.
function nameOf({ attributes, userId, id }: StageParticipantInfo): string {
  const names = [attributes['displayName'], attributes['name'], attributes['username'], userId, id];
  const name = names.find((n) => n !== undefined && n.trim() !== '') ?? id;
  return name.slice(0, 80);
}
