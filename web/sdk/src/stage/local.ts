import { StageEvents, StageParticipantPublishState, StreamType } from '../enums.js';
import type { PathHelp, Platform } from '../peer/platform.js';
import type { ClientFrame, RemoteInfo } from '../signal/frames.js';
import type { LocalStageStream } from '../streams/local.js';
import type { TokenClaims } from '../token.js';
import { publishRefusal } from './endings.js';
import { capabilitiesOf, localParticipant, type LocalParticipantInfo } from './participant.js';
import { Publication } from './publication.js';
import type { StageStrategy } from './strategy.js';

export interface LocalOptions {
  platform: Platform;
  /** The claims of the present token, and the token: it may be exchanged for another. */
  claims(): TokenClaims;
  token(): string;
  help: PathHelp;
  whipUrl: string;
  emit(event: StageEvents, ...args: unknown[]): void;
  /** Sends a frame; false when the stage is not connected. */
  send(frame: ClientFrame): boolean;
  /** Told whenever publishing has begun or ended. */
  onPublishing(isPublishing: boolean): void;
}

type Wanted = readonly (LocalStageStream | null | undefined)[];

/** Local is the participant of this stage object: who it is and what it publishes. */
export class Local {
  readonly info: LocalParticipantInfo;
  readonly #options: LocalOptions;
  readonly #publication: Publication;
  #sentMediaState = '';

  constructor(options: LocalOptions) {
    this.#options = options;
    this.info = localParticipant(options.claims());
    this.#publication = this.#newPublication();
  }

  /** Publishes what the strategy now says. */
  apply(strategy: StageStrategy): void {
    const wanted =
      this.#options.claims().allowPublish && strategy.shouldPublishParticipant(this.info)
        ? strategy.stageStreamsToPublish()
        : [];
    this.info.audioStream = first(wanted, StreamType.AUDIO);
    this.info.videoStream = first(wanted, StreamType.VIDEO);
    // Said before publishing, so that nobody sees a muted stream unmuted for a moment.
    this.#reportMediaState();
    this.#publication.apply(wanted);
  }

  /** Takes what the server says of this participant: its token may have been exchanged. */
  update({ userId, attributes }: RemoteInfo): void {
    const same = JSON.stringify(attributes) === JSON.stringify(this.info.attributes);
    if (userId === this.info.userId && same) return;
    Object.assign(this.info, { userId, attributes });
    this.#options.emit(StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, this.info);
  }

  /** Takes another token of this participant, before the server has agreed to it. */
  exchange(claims: TokenClaims): void {
    const { userId, attributes } = claims;
    Object.assign(this.info, { userId, attributes, capabilities: capabilitiesOf(claims) });
    if (claims.allowPublish) return;
    // The server ends what the token does not allow by itself.
    this.halt({ tellServer: false });
    this.rest();
  }

  /** Sends the layers that somebody watches, and stops the others. */
  activate(layers: readonly { rid: string; wanted: boolean }[]): void {
    this.#publication.activate(layers);
  }

  /** The server says what was wrong with something; some of it is about what is published. */
  serverError(code: string, message: string): void {
    const error = publishRefusal(code, message);
    if (error !== undefined) this.#publication.refuse(error);
  }

  /** The device is on another network. */
  moved(): void {
    this.#publication.moved();
  }

  /** The socket is back; with `forgotten` the server knows nothing from before that time. */
  reconnected(forgotten: number | undefined): void {
    this.#sentMediaState = '';
    this.#reportMediaState();
    if (forgotten !== undefined) this.#publication.restart(forgotten);
  }

  /** Stops sending, for leaving the stage; `rest` then says so. */
  halt(options: { tellServer: boolean }): void {
    this.#publication.halt(options);
  }

  rest(): void {
    this.#publication.rest();
  }

  #newPublication(): Publication {
    const { platform, whipUrl, token, help, emit } = this.#options;
    return new Publication({
      platform,
      url: whipUrl,
      token,
      help,
      observer: {
        onState: (state) => {
          this.info.isPublishing = state === StageParticipantPublishState.PUBLISHED;
          this.#options.onPublishing(state !== StageParticipantPublishState.NOT_PUBLISHED);
          emit(StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, this.info, state);
        },
        onAdded: (streams) => emit(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, this.info, streams),
        onRemoved: (streams) =>
          emit(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, this.info, streams),
        onMute: (stream) => {
          this.#reportMediaState();
          emit(StageEvents.STAGE_STREAM_MUTE_CHANGED, this.info, stream);
        },
        onError: (error) => emit(StageEvents.ERROR, error),
      },
    });
  }

  #reportMediaState(): void {
    const { audioStream, videoStream } = this.info;
    this.info.audioMuted = audioStream?.isMuted ?? false;
    this.info.videoStopped = videoStream?.isMuted ?? false;
    if (audioStream === undefined && videoStream === undefined) return;
    // To the others, a medium that is not sent looks like one that is muted.
    const payload = {
      audioMuted: audioStream?.isMuted ?? true,
      videoStopped: videoStream?.isMuted ?? true,
    };
    const text = JSON.stringify(payload);
    if (text === this.#sentMediaState) return;
    if (this.#options.send({ type: 'SET_MEDIA_STATE', payload })) this.#sentMediaState = text;
  }
}

function first(wanted: Wanted, kind: StreamType): LocalStageStream | undefined {
  return wanted.find((stream) => stream?.streamType === kind) ?? undefined;
}
