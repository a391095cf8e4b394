import { Emitter } from '../emitter.js';
import { StageConnectionState, StageErrorCode, StageEvents, StageLeftReason } from '../enums.js';
import type { StageError } from '../errors.js';
import { browser } from '../peer/browser.js';
import type { PathHelp, Platform } from '../peer/platform.js';
import type { Change, ClientFrame, PersonalFrame, StageStateFrame } from '../signal/frames.js';
import { Link, type LinkEnd } from '../signal/link.js';
import { Roster, type RosterEvent } from '../signal/roster.js';
import { parseToken, type TokenClaims } from '../token.js';
import { joinError, joinRefusal, leftReason } from './endings.js';
import { Exchange, exchangeError, foreignClaim, meanwhile } from './exchange.js';
import type { StageEventMap } from './events.js';
import { Local } from './local.js';
import type { LocalParticipantInfo } from './participant.js';
import { Remote } from './remote.js';
import { StatsTeller } from './stats.js';
import type { StageStrategy } from './strategy.js';

export interface StageConfiguration {
  /** Where to connect instead of where the token says; for servers behind another name. */
  endpoints?: { events?: string; whip?: string };
  /** @internal What stands for the browser in tests. */
  platform?: Platform;
}

const { DISCONNECTED, CONNECTING, CONNECTED, ERRORED } = StageConnectionState;
const joinMs = 10_000;

interface Joining {
  promise: Promise<void>;
  resolve(): void;
  reject(error: StageError): void;
}

/**
 * Stage is one participation: it joins with a token, publishes and subscribes as its strategy
 * says, and tells by events what happens. It may be left and joined again.
 */
export class Stage extends Emitter<StageEventMap> {
  #token: string;
  #claims: TokenClaims;
  readonly #platform: Platform;
  readonly #endpoints: { events: string; whip: string };
  #strategy: StageStrategy;
  #state = DISCONNECTED;
  #joining: Joining | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #link: Link | undefined;
  #local: Local | undefined;
  #roster: Roster | undefined;
  #stats: StatsTeller | undefined;
  /** What the server has said before the application's join() had time to resolve. */
  #untold:
    { timer: ReturnType<typeof setTimeout>; state: StageStateFrame; changes: Change[] } | undefined;
  /** When the socket was last lost, in milliseconds since 1970. */
  #lostAt = 0;
  #exchange: Exchange | undefined;
  #isPublishing = false;
  readonly #help: PathHelp = {};
  #stopListening: (() => void) | undefined;
  readonly #remotes = new Map<string, Remote>();

  /** Throws a StageError with TOKEN_MALFORMED when the token is none. */
  constructor(token: string, strategy: StageStrategy, config: StageConfiguration = {}) {
    super();
    this.#claims = parseToken(token);
    this.#token = token;
    this.#strategy = strategy;
    this.#platform = config.platform ?? browser;
    this.#endpoints = {
      events: config.endpoints?.events ?? this.#claims.eventsUrl,
      whip: config.endpoints?.whip ?? this.#claims.whipUrl,
    };
    // Applications pass these around as plain callbacks.
    this.join = this.join.bind(this);
    this.leave = this.leave.bind(this);
    this.refreshStrategy = this.refreshStrategy.bind(this);
    this.replaceStrategy = this.replaceStrategy.bind(this);
    this.exchangeToken = this.exchangeToken.bind(this);
    this.on = this.on.bind(this);
    this.off = this.off.bind(this);
    this.emit = this.emit.bind(this);
  }

  /** Who this stage object is on the stage; undefined while it has not joined. */
  get localParticipant(): LocalParticipantInfo | undefined {
    return this.#local?.info;
  }

  /**
   * Joins the stage. Joining or joined already, it returns the promise of the first call.
   * Rejects with the StageError that the ERROR event also carries.
   */
  join(): Promise<void> {
    if (this.#joining !== undefined) return this.#joining.promise;
    const joining = newJoining();
    this.#joining = joining;
    if (this.#claims.expiresAt * 1000 <= Date.now()) {
      this.#failJoin(joinError(StageErrorCode.TOKEN_EXPIRED, 'Token has expired'), ERRORED);
      return joining.promise;
    }
    this.#setState(CONNECTING);
    const late = joinError(StageErrorCode.TIMEOUT, 'Operation timed out');
    this.#deadline = setTimeout(() => this.#failJoin(late, ERRORED), joinMs);
    this.#link = new Link({
      platform: this.#platform,
      url: `${this.#endpoints.events}/${this.#claims.topic}`,
      token: () => this.#token,
      observer: {
        onState: (state) => this.#stateArrived(state),
        onChanges: (changes) => this.#changesArrived(changes),
        onPersonal: (frame) => this.#personalArrived(frame),
        onLost: () => this.#lost(),
        onEnded: (end) => this.#ended(end),
      },
    });
    this.#stopListening = this.#platform.onOnline(() => this.#moved());
    this.#link.open();
    return joining.promise;
  }

  /** Leaves the stage. The application's own tracks go on. */
  leave(): void {
    if (this.#joining === undefined) return;
    if (this.#local === undefined) {
      const error = joinError(StageErrorCode.CANCELED, 'Left before the join was complete');
      return this.#failJoin(error, DISCONNECTED);
    }
    // Whoever leaves by the socket need not end each media session.
    this.#leave(StageLeftReason.USER_INITIATED, { tellServer: this.#state !== CONNECTED });
  }

  /** Asks the strategy again and acts on what changed. */
  refreshStrategy(): void {
    if (this.#untold !== undefined) return;
    this.#local?.apply(this.#strategy);
    for (const remote of [...this.#remotes.values()]) remote.apply(this.#strategy);
  }

  /** Puts another strategy in place and asks it. */
  replaceStrategy(strategy: StageStrategy): void {
    this.#strategy = strategy;
    this.refreshStrategy();
  }

  /**
   * Puts another token of this participant in the place of the present one: with other attributes,
   * another user id or other capabilities. Resolves when the server has agreed. When it does not,
   * the stage is left and the promise is rejected with TOKEN_EXCHANGE_FAILED.
   */
  async exchangeToken(newToken: string): Promise<void> {
    const claims = parseToken(newToken);
    const foreign = foreignClaim(this.#claims, claims);
    if (foreign !== undefined) {
      throw exchangeError('Token is of another participation', `${foreign} is not the same`);
    }
    if (this.#local === undefined) throw exchangeError('Stage is not joined');
    if (this.#exchange !== undefined) throw exchangeError('Another exchange is not complete');
    const exchange = new Exchange(newToken, claims, () =>
      this.#failExchange('Operation timed out'),
    );
    this.#exchange = exchange;
    this.#claims = meanwhile(this.#claims, claims);
    this.#local.exchange(this.#claims);
    if (!claims.allowSubscribe) this.#endSubscriptions();
    this.#askExchange();
    return exchange.promise;
  }

  #askExchange(): void {
    if (this.#exchange === undefined) return;
    this.#link?.send({ type: 'EXCHANGE_TOKEN', payload: { token: this.#exchange.token } });
  }

  #exchanged(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#local === undefined) return;
    this.#exchange = undefined;
    this.#token = exchange.token;
    this.#claims = exchange.claims;
    this.#local.exchange(exchange.claims);
    this.emit(StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED, this.#local.info);
    this.refreshStrategy();
    exchange.succeed();
  }

  #failExchange(message: string, details?: string): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    this.#leave(StageLeftReason.FAILED_EXCHANGE, { tellServer: false });
    exchange.fail(exchangeError(message, details));
  }

  #endSubscriptions(): void {
    for (const remote of this.#remotes.values()) {
      remote.halt({ tellServer: false });
      remote.rest();
    }
  }

  #personalArrived(frame: PersonalFrame): void {
    switch (frame.type) {
      case 'SUBSCRIPTION_STATE':
        return this.#remotes.get(frame.participantId)?.subscriptionChanged(frame);
      case 'LAYERS_WANTED':
        return this.#local?.activate(frame.layers);
      case 'ERROR':
        return this.#local?.serverError(frame.code, frame.message);
      case 'TOKEN_EXCHANGED':
        return this.#exchanged();
      case 'EXCHANGE_FAILED':
        // The server is busy: the exchange has some seconds yet.
        if (frame.retryAfterMs !== undefined) {
          return this.#exchange?.askAgain(frame.retryAfterMs, () => this.#askExchange());
        }
        return this.#failExchange('Token exchange refused', `${frame.code}: ${frame.message}`);
    }
  }

  #moved(): void {
    this.#local?.moved();
    for (const remote of this.#remotes.values()) remote.moved();
  }

  #stateArrived(state: StageStateFrame): void {
    clearTimeout(this.#deadline);
    this.#help.iceServers = state.iceServers;
    if (this.#local !== undefined && this.#untold === undefined) return this.#reconnected(state);
    this.#local ??= new Local({
      ...this.#common(),
      claims: () => this.#claims,
      onPublishing: (isPublishing) => {
        this.#isPublishing = isPublishing;
        for (const remote of this.#remotes.values()) remote.setDelay();
      },
    });
    this.#roster ??= new Roster(this.#claims.participantId);
    this.#stats ??= new StatsTeller({
      collect: () => [...this.#remotes.values()].map((remote) => remote.played()),
      send: (frame) => this.#link?.send(frame) ?? false,
    });
    clearTimeout(this.#untold?.timer);
    this.#untold = { state, changes: [], timer: setTimeout(() => this.#begin(), 0) };
    this.#setState(CONNECTED);
    this.#joining?.resolve();
  }

  #begin(): void {
    const untold = this.#untold;
    this.#untold = undefined;
    if (untold === undefined) return;
    this.emit(StageEvents.STAGE_PARTICIPANT_JOINED, this.#local?.info);
    this.#local?.apply(this.#strategy);
    this.#tell(this.#roster?.replace(untold.state.participants) ?? []);
    this.#changesArrived(untold.changes);
  }

  #reconnected(state: StageStateFrame): void {
    this.#setState(CONNECTED);
    this.#tell(this.#roster?.replace(state.participants) ?? []);
    // Media that came back by itself while the socket was down is good.
    const forgotten = state.resumed ? undefined : this.#lostAt;
    this.#local?.reconnected(forgotten);
    for (const remote of this.#remotes.values()) remote.reconnected(forgotten);
    this.#askExchange();
  }

  #changesArrived(changes: Change[]): void {
    if (this.#untold !== undefined) {
      this.#untold.changes.push(...changes);
      return;
    }
    for (const { op, participant } of changes) {
      const mine = participant.id === this.#claims.participantId;
      if (mine && op !== 'leave') this.#local?.update(participant);
    }
    this.#tell(this.#roster?.apply(changes) ?? []);
  }

  #tell(events: RosterEvent[]): void {
    for (const event of events) {
      // A listener may have left the stage meanwhile.
      if (this.#local === undefined) return;
      if (event.kind === 'left') this.#remoteLeft(event.id);
      else if (event.kind === 'updated') this.#remotes.get(event.info.id)?.update(event.info);
      else {
        const remote = new Remote(event.info, {
          ...this.#common(),
          allowSubscribe: () => this.#claims.allowSubscribe,
          isPublishing: () => this.#isPublishing,
        });
        this.#remotes.set(event.info.id, remote);
        this.emit(StageEvents.STAGE_PARTICIPANT_JOINED, remote.info);
        if (this.#remotes.get(event.info.id) === remote) remote.apply(this.#strategy);
      }
    }
  }

  #remoteLeft(id: string): void {
    const remote = this.#remotes.get(id);
    if (remote === undefined) return;
    this.#remotes.delete(id);
    remote.info.isPublishing = false;
    // The server ends the sessions of a publisher's viewers by itself.
    remote.halt({ tellServer: false });
    remote.rest();
    this.emit(StageEvents.STAGE_PARTICIPANT_LEFT, remote.info);
  }

  #lost(): void {
    this.#lostAt = Date.now();
    this.#setState(ERRORED);
    this.#setState(CONNECTING);
  }

  #ended(end: LinkEnd): void {
    const word = end.kind === 'forced' ? end.reason : end.code;
    if (this.#local !== undefined) return this.#leave(leftReason(word), { tellServer: false });
    this.#failJoin(joinRefusal(word, end.message), ERRORED);
  }

  #failJoin(error: StageError, state: StageConnectionState): void {
    const joining = this.#joining;
    this.#reset();
    this.#setState(state);
    joining?.reject(error);
    this.emit(StageEvents.ERROR, error);
  }

  #leave(reason: StageLeftReason, options: { tellServer: boolean }): void {
    const local = this.#local;
    const remotes = [...this.#remotes.values()];
    const exchange = this.#exchange;
    this.#reset();
    for (const remote of remotes) remote.halt(options);
    local?.halt(options);
    for (const remote of remotes) this.emit(StageEvents.STAGE_PARTICIPANT_LEFT, remote.info);
    if (local !== undefined) this.emit(StageEvents.STAGE_PARTICIPANT_LEFT, local.info);
    for (const remote of remotes) remote.rest();
    local?.rest();
    this.#setState(DISCONNECTED);
    this.emit(StageEvents.STAGE_LEFT, reason);
    exchange?.fail(exchangeError('Left before the exchange was complete', reason));
  }

  #reset(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#untold?.timer);
    this.#stopListening?.();
    this.#link?.leave();
    this.#stats?.stop();
    this.#stats = undefined;
    this.#remotes.clear();
    this.#link = undefined;
    this.#joining = undefined;
    this.#local = undefined;
    this.#roster = undefined;
    this.#untold = undefined;
    this.#exchange = undefined;
    this.#isPublishing = false;
  }

  #common() {
    return {
      platform: this.#platform,
      token: () => this.#token,
      help: this.#help,
      whipUrl: this.#endpoints.whip,
      send: (frame: ClientFrame) => this.#link?.send(frame) ?? false,
      emit: (event: StageEvents, ...args: unknown[]) => this.emit(event, ...args),
    };
  }

  #setState(state: StageConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit(StageEvents.STAGE_CONNECTION_STATE_CHANGED, state);
  }
}

function newJoining(): Joining {
  let resolve: () => void = () => undefined;
  let reject: (error: StageError) => void = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
