import { StageErrorCode, StreamType } from '../enums.js';
import { ExchangeError } from '../errors.js';
import { withWishes } from './answer.js';
import { fragmentOf, withFragment } from './fragment.js';
import type {
  Encoding,
  LocalMedia,
  PathHelp,
  Peer,
  PeerObserver,
  PeerOptions,
  PeerState,
} from './platform.js';

const kinds = [StreamType.AUDIO, StreamType.VIDEO] as const;

/** BrowserPeer is a Peer on the browser's own RTCPeerConnection. */
export class BrowserPeer implements Peer {
  readonly #connection: RTCPeerConnection;
  readonly #options: PeerOptions;
  readonly #observer: PeerObserver;
  readonly #transceivers = new Map<StreamType, RTCRtpTransceiver>();
  readonly #active = new Map<string, boolean>();
  #answer = '';
  #wasConnected = false;
  /** Each change of a sender's parameters waits for the one before. */
  #changes: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: PeerOptions, observer: PeerObserver) {
    this.#options = options;
    this.#connection = new RTCPeerConnection(configuration(options));
    this.#observer = observer;
    this.#connection.addEventListener('connectionstatechange', () => this.#report());
    this.#connection.addEventListener('track', (event) => {
      if (!this.#closed) observer.onTrack(event.track);
    });
  }

  async offer(): Promise<string> {
    if (this.#options.direction === 'receive') this.#receive(this.#options.kinds);
    else this.#send(this.#options.media);
    const offer = await this.#connection.createOffer();
    await this.#connection.setLocalDescription(offer);
    return offer.sdp ?? '';
  }

  async accept(answer: string): Promise<void> {
    this.#answer = this.#withWishes(answer);
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: this.#answer });
    // Each DTLS end says for itself when the server closes it; the connection's state may lag.
    for (const transceiver of this.#transceivers.values()) {
      const transport = transceiver.sender.transport ?? transceiver.receiver.transport;
      transport?.addEventListener('statechange', () => this.#report());
    }
    if (this.#options.direction === 'receive') return;
    // A server that takes no layers leaves the first of them, which is the smallest.
    const { video } = this.#options.media;
    if (video !== undefined && video.encodings.length > 1) await this.#encode(video);
  }

  async restart(help: PathHelp): Promise<string> {
    if (help.iceServers !== undefined) this.#connection.setConfiguration(configuration(help));
    const offer = await this.#connection.createOffer({ iceRestart: true });
    await this.#connection.setLocalDescription(offer);
    return fragmentOf(offer.sdp ?? '');
  }

  async acceptRestart(fragment: string): Promise<void> {
    this.#answer = withFragment(this.#answer, fragment);
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: this.#answer });
  }

  async replace(kind: StreamType, media: LocalMedia | undefined): Promise<void> {
    const sender = this.#transceivers.get(kind)?.sender;
    if (sender === undefined) return;
    await sender.replaceTrack(media?.track ?? null);
    if (media !== undefined) await this.#encode(media);
  }

  async activate(layers: ReadonlyMap<string, boolean>): Promise<void> {
    for (const [rid, isActive] of layers) this.#active.set(rid, isActive);
    await this.#change(StreamType.VIDEO, (encodings) => {
      for (const encoding of encodings) {
        const isActive = this.#active.get(encoding.rid ?? '');
        if (isActive !== undefined && encodings.length > 1) encoding.active = isActive;
      }
    });
  }

  delay(ms: number): void {
    for (const { receiver } of this.#transceivers.values()) {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = ms === 0 ? null : ms;
    }
  }

  async stats(track: MediaStreamTrack): Promise<RTCStatsReport | undefined> {
    if (this.#closed) return undefined;
    for (const { sender, receiver } of this.#transceivers.values()) {
      if (sender.track === track) return sender.getStats();
      if (receiver.track === track) return receiver.getStats();
    }
    return undefined;
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  #receive(wanted: readonly StreamType[]): void {
    for (const kind of wanted) {
      const transceiver = this.#connection.addTransceiver(kind, { direction: 'recvonly' });
      prefer(transceiver, RTCRtpReceiver.getCapabilities(kind), kind);
      this.#transceivers.set(kind, transceiver);
    }
  }

  // Both media are always offered, also those without a track yet: a track can then be put in
  // place without a new session, and a WHIP server that insists on H.264 finds it.
  #send(media: Partial<Record<StreamType, LocalMedia>>): void {
    for (const kind of kinds) {
      const local = media[kind];
      const transceiver = this.#connection.addTransceiver(local?.track ?? kind, {
        direction: 'sendonly',
        sendEncodings: local === undefined ? [{}] : sendable(local).map(encodingOf),
      });
      prefer(transceiver, RTCRtpSender.getCapabilities(kind), kind);
      this.#transceivers.set(kind, transceiver);
    }
  }

  #encode(media: LocalMedia): Promise<void> {
    const kind = media.track.kind === 'audio' ? StreamType.AUDIO : StreamType.VIDEO;
    return this.#change(kind, (encodings) => {
      if (encodings.length <= 1) {
        const { rid: _only, ...top } = encodingOf(topOf(media));
        return encodings.forEach((encoding) => Object.assign(encoding, top));
      }
      for (const encoding of encodings) {
        const wanted = encodingFor(encoding.rid ?? '', media);
        if (wanted !== undefined)
          Object.assign(encoding, encodingOf(wanted), { rid: encoding.rid });
        encoding.active = wanted !== undefined && this.#active.get(encoding.rid ?? '') !== false;
      }
    });
  }

  // What is read must be written before anybody else reads, or the browser refuses it.
  #change(kind: StreamType, edit: (encodings: RTCRtpEncodingParameters[]) => void): Promise<void> {
    const change = async () => {
      const sender = this.#transceivers.get(kind)?.sender;
      if (this.#closed || sender === undefined) return;
      const parameters = sender.getParameters();
      edit(parameters.encodings);
      await sender.setParameters(parameters);
    };
    const changed = this.#changes.then(change);
    this.#changes = changed.catch(() => undefined);
    return changed;
  }

  #withWishes(answer: string): string {
    if (this.#options.direction === 'receive') return answer;
    const { audio, video } = this.#options.media;
    return withWishes(answer, {
      ...(video === undefined ? {} : { videoStartKbps: startKbps(video) }),
      ...(audio === undefined ? {} : { audioBitrate: topOf(audio).maxBitrate }),
      stereo: audio?.stereo === true,
    });
  }

  #report(): void {
    if (!this.#closed) this.#observer.onState(this.#state());
  }

  #state(): PeerState {
    const transports = [...this.#transceivers.values()].map((t) => t.sender.transport?.state);
    if (transports.some((state) => state === 'closed' || state === 'failed')) return 'down';
    switch (this.#connection.connectionState) {
      case 'connected':
        this.#wasConnected = true;
        return 'connected';
      case 'disconnected':
        return 'interrupted';
      case 'failed':
        // Only ICE has: a restart of it brings back what was there.
        return this.#wasConnected ? 'interrupted' : 'down';
      case 'closed':
        return 'down';
      default:
        return 'connecting';
    }
  }
}

function configuration({ iceServers }: PathHelp): RTCConfiguration {
  return { bundlePolicy: 'max-bundle', iceServers: iceServers ?? [] };
}

function encodingOf({
  rid,
  maxBitrate,
  maxFramerate,
  scaleDownBy,
}: Encoding): RTCRtpEncodingParameters {
  return {
    maxBitrate,
    ...(rid === '' ? {} : { rid }),
    ...(maxFramerate === undefined ? {} : { maxFramerate }),
    ...(scaleDownBy === undefined ? {} : { scaleResolutionDownBy: scaleDownBy }),
  };
}

function topOf({ encodings }: LocalMedia): Encoding {
  return encodings.at(-1) ?? { rid: '', maxBitrate: 0 };
}

// With another track, another set of layers may fit; one that stands alone takes the highest's place.
function encodingFor(rid: string, media: LocalMedia): Encoding | undefined {
  const { encodings } = media;
  if (encodings.length === 1) return rid === 'high' ? topOf(media) : undefined;
  return encodings.find((encoding) => encoding.rid === rid);
}

// Several layers are left to the browsers that are known to do it well.
function sendable(media: LocalMedia): Encoding[] {
  const sendsLayers =
    /Chrom(e|ium)\//.test(navigator.userAgent) && !/Mobile/.test(navigator.userAgent);
  return sendsLayers ? media.encodings : [{ ...topOf(media), rid: '' }];
}

function startKbps({ encodings }: LocalMedia): number {
  const sum = encodings.reduce((all, encoding) => all + encoding.maxBitrate, 0);
  return Math.min(1000, sum / 1000);
}

// Stages carry H.264 and Opus. Repair formats stay; everything else only makes the offer long.
function prefer(
  transceiver: RTCRtpTransceiver,
  capabilities: RTCRtpCapabilities | null,
  kind: StreamType,
): void {
  const wanted = kind === StreamType.VIDEO ? 'video/h264' : 'audio/opus';
  const repair = kind === StreamType.VIDEO ? ['video/rtx'] : [];
  const codecs = (capabilities?.codecs ?? []).filter((codec) =>
    [wanted, ...repair].includes(codec.mimeType.toLowerCase()),
  );
  if (!codecs.some((codec) => codec.mimeType.toLowerCase() === wanted)) {
    const name = kind === StreamType.VIDEO ? 'H.264' : 'Opus';
    throw new ExchangeError(
      StageErrorCode.CODEC_MISMATCH,
      `This browser does not support ${name}`,
      false,
    );
  }
  transceiver.setCodecPreferences(codecs);
}
