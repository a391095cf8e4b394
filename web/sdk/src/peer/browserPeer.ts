import { StageErrorCode, StreamType } from '../enums.js';
import { ExchangeError } from '../errors.js';
import { withWishes } from './answer.js';
import type { LocalMedia, Peer, PeerObserver, PeerOptions, PeerState } from './platform.js';

const kinds = [StreamType.AUDIO, StreamType.VIDEO] as const;

/** BrowserPeer is a Peer on the browser's own RTCPeerConnection. */
export class BrowserPeer implements Peer {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #options: PeerOptions;
  readonly #observer: PeerObserver;
  readonly #transceivers = new Map<StreamType, RTCRtpTransceiver>();
  #closed = false;

  constructor(options: PeerOptions, observer: PeerObserver) {
    this.#options = options;
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
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: this.#withWishes(answer) });
    // Each DTLS end says for itself when the server closes it; the connection's state may lag.
    for (const transceiver of this.#transceivers.values()) {
      const transport = transceiver.sender.transport ?? transceiver.receiver.transport;
      transport?.addEventListener('statechange', () => this.#report());
    }
  }

  async replace(kind: StreamType, media: LocalMedia | undefined): Promise<void> {
    const sender = this.#transceivers.get(kind)?.sender;
    if (sender === undefined) return;
    await sender.replaceTrack(media?.track ?? null);
    if (media === undefined) return;
    const parameters = sender.getParameters();
    parameters.encodings.forEach((encoding) => Object.assign(encoding, encodingOf(media)));
    await sender.setParameters(parameters);
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
        sendEncodings: [local === undefined ? {} : encodingOf(local)],
      });
      prefer(transceiver, RTCRtpSender.getCapabilities(kind), kind);
      this.#transceivers.set(kind, transceiver);
    }
  }

  #withWishes(answer: string): string {
    if (this.#options.direction === 'receive') return answer;
    const { audio, video } = this.#options.media;
    return withWishes(answer, {
      ...(video === undefined ? {} : { videoStartKbps: Math.min(1000, video.maxBitrate / 1000) }),
      ...(audio === undefined ? {} : { audioBitrate: audio.maxBitrate }),
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
        return 'connected';
      case 'disconnected':
        return 'interrupted';
      case 'failed':
      case 'closed':
        return 'down';
      default:
        return 'connecting';
    }
  }
}

function encodingOf(media: LocalMedia): RTCRtpEncodingParameters {
  const { maxBitrate, maxFramerate } = media;
  return maxFramerate === undefined ? { maxBitrate } : { maxBitrate, maxFramerate };
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
