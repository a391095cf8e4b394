import { StreamType } from '../enums.js';
import type {
  LocalMedia,
  PathHelp,
  Peer,
  PeerObserver,
  PeerOptions,
  PeerState,
  Platform,
  Socket,
  SocketObserver,
} from './platform.js';

/** FakeTrack is a track without media. */
export class FakeTrack extends EventTarget {
  enabled = true;
  readyState = 'live';
  size: MediaTrackSettings = { width: 1280, height: 720 };
  constructor(
    readonly kind: 'audio' | 'video',
    readonly id: string = `${kind}-${Math.random().toString(36).slice(2)}`,
  ) {
    super();
  }

  /** The track as code under test sees it; a video is of 1280x720 unless it is of another size. */
  static make(kind: 'audio' | 'video', id?: string, size?: MediaTrackSettings): MediaStreamTrack {
    const track = new FakeTrack(kind, id);
    if (size !== undefined) track.size = size;
    return track as unknown as MediaStreamTrack;
  }

  getSettings(): MediaTrackSettings {
    return this.kind === 'video' ? this.size : {};
  }
}

/** FakeSocket is a state socket whose server is the test. */
export class FakeSocket implements Socket {
  readonly sent: { type: string; payload?: unknown }[] = [];
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocol: string,
    readonly observer: SocketObserver,
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string });
  }

  close(code: number): void {
    this.closedWith = code;
  }

  /** The server says something. */
  say(type: string, payload: unknown = {}): void {
    if (this.closedWith === undefined) this.observer.onMessage(JSON.stringify({ type, payload }));
  }

  /** The line breaks, or the server closes. */
  drop(code = 1006): void {
    if (this.closedWith === undefined) this.observer.onClose(code);
    this.closedWith ??= code;
  }
}

/** FakePeer is a peer connection whose path is up as soon as the answer is accepted. */
export class FakePeer implements Peer {
  readonly tracks: MediaStreamTrack[] = [];
  readonly replaced: [StreamType, LocalMedia | undefined][] = [];
  readonly activated: Record<string, boolean>[] = [];
  /** The fragments of the server that were taken. */
  readonly restarts: string[] = [];
  delayMs = 0;
  closed = false;
  /** What it says when asked for statistics. */
  readonly report = new Map<string, Record<string, unknown>>();
  /** Whether accepting an answer brings the path up. */
  connects = true;

  constructor(
    readonly options: PeerOptions,
    readonly observer: PeerObserver,
  ) {}

  offer(): Promise<string> {
    return Promise.resolve('offer');
  }

  accept(): Promise<void> {
    if (this.options.direction === 'receive') {
      for (const kind of this.options.kinds) {
        const track = FakeTrack.make(kind === StreamType.AUDIO ? 'audio' : 'video');
        this.tracks.push(track);
        this.observer.onTrack(track);
      }
    }
    if (this.connects) this.become('connected');
    return Promise.resolve();
  }

  restart(_help: PathHelp): Promise<string> {
    return Promise.resolve('fragment');
  }

  acceptRestart(fragment: string): Promise<void> {
    this.restarts.push(fragment);
    if (this.connects) this.become('connected');
    return Promise.resolve();
  }

  activate(layers: ReadonlyMap<string, boolean>): Promise<void> {
    this.activated.push(Object.fromEntries(layers));
    return Promise.resolve();
  }

  delay(ms: number): void {
    this.delayMs = ms;
  }

  replace(kind: StreamType, media: LocalMedia | undefined): Promise<void> {
    this.replaced.push([kind, media]);
    return Promise.resolve();
  }

  stats(): Promise<RTCStatsReport | undefined> {
    return Promise.resolve(this.report as unknown as RTCStatsReport);
  }

  close(): void {
    this.closed = true;
  }

  become(state: PeerState): void {
    if (!this.closed) this.observer.onState(state);
  }
}

export interface FakeRequest {
  method: string;
  url: string;
  token: string;
}

/** FakePlatform is a browser without a network: it keeps whatever was opened, for the test. */
export class FakePlatform implements Platform {
  readonly sockets: FakeSocket[] = [];
  readonly peers: FakePeer[] = [];
  readonly requests: FakeRequest[] = [];
  readonly #online = new Set<() => void>();
  #sessions = 0;
  /** Answers a request; undefined lets it succeed. */
  respond: (request: FakeRequest) => Response | Promise<Response> | undefined = () => undefined;
  /** Called with each new peer before it is used. */
  prepare: (peer: FakePeer) => void = () => undefined;

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }

  openSocket(url: string, protocol: string, observer: SocketObserver): Socket {
    const socket = new FakeSocket(url, protocol, observer);
    this.sockets.push(socket);
    return socket;
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const token = new Headers(init.headers).get('Authorization') ?? '';
    const request: FakeRequest = { method: init.method ?? 'GET', url, token };
    this.requests.push(request);
    const response = await this.respond(request);
    if (response !== undefined) return response;
    if (request.method === 'DELETE') return new Response(null, { status: 200 });
    if (request.method === 'PATCH') return new Response('server fragment', { status: 200 });
    this.#sessions += 1;
    const headers = { Location: `/whip/sessions/${this.#sessions}` };
    return new Response('answer', { status: 201, headers });
  }

  createPeer(options: PeerOptions, observer: PeerObserver): Peer {
    const peer = new FakePeer(options, observer);
    this.prepare(peer);
    this.peers.push(peer);
    return peer;
  }

  onOnline(callback: () => void): () => void {
    this.#online.add(callback);
    return () => this.#online.delete(callback);
  }

  /** The device comes online, or on another network. */
  online(): void {
    for (const callback of this.#online) callback();
  }
}
