import { queryOf, sign, type SigningKeys } from './sigv4.ts';

/** What the API answers instead of a result; `kind` is the exception's name. */
export class ApiError extends Error {
  readonly kind: string;
  readonly status: number;

  constructor(kind: string, status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.kind = kind;
    this.status = status;
  }
}

export interface Stage {
  arn: string;
  name?: string;
  activeSessionId?: string;
  tags?: Record<string, string>;
}

export interface StagePage {
  stages: Stage[];
  nextToken?: string;
}

export type Capability = 'PUBLISH' | 'SUBSCRIBE';

export interface TokenRequest {
  stageArn: string;
  capabilities: Capability[];
  /** Minutes. */
  duration: number;
  userId?: string;
  attributes?: Record<string, string>;
}

/** One stretch of life of a stage. Without an end it is running. */
export interface Session {
  sessionId: string;
  startTime: string;
  endTime?: string;
}

export interface SessionPage {
  stageSessions: Session[];
  nextToken?: string;
}

/** Somebody's part in a session, as lists tell it. */
export interface ParticipantSummary {
  participantId: string;
  userId?: string;
  state: 'CONNECTED' | 'DISCONNECTED';
  firstJoinTime?: string;
  published: boolean;
  recordingState?: string;
  replicationType?: string;
  replicationState?: string;
  sourceStageArn?: string;
  sourceSessionId?: string;
  ingestConfigurationArn?: string;
}

export interface Participant extends ParticipantSummary {
  attributes?: Record<string, string>;
  protocol?: string;
  browserName?: string;
  browserVersion?: string;
  osName?: string;
  osVersion?: string;
  sdkVersion?: string;
  ispName?: string;
  recordingS3BucketName?: string;
  recordingS3Prefix?: string;
}

export interface ParticipantPage {
  participants: ParticipantSummary[];
  nextToken?: string;
}

/** Something that happened to a participant. */
export interface ParticipantEvent {
  name: string;
  participantId: string;
  eventTime: string;
  remoteParticipantId?: string;
  errorCode?: string;
  destinationStageArn?: string;
  destinationSessionId?: string;
  replica?: boolean;
}

export interface EventPage {
  events: ParticipantEvent[];
  nextToken?: string;
}

/** One session of one stage. */
export interface SessionKey {
  stageArn: string;
  sessionId: string;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Client calls the public API of the server that the page came from. */
export class Client {
  readonly #keys: SigningKeys;
  readonly #origin: string;
  readonly #fetch: Fetch;
  /** How far this device's clock is behind the server's, in milliseconds. */
  #skewMs = 0;
  #account: string | undefined;

  constructor(
    keys: SigningKeys,
    origin: string = location.origin,
    fetcher: Fetch = (url, init) => fetch(url, init),
  ) {
    this.#keys = keys;
    this.#origin = origin;
    this.#fetch = fetcher;
  }

  async listStages(nextToken?: string, signal?: AbortSignal): Promise<StagePage> {
    const body = { maxResults: 50, ...after(nextToken) };
    const page = await this.#call('ListStages', body, signal);
    return page as unknown as StagePage;
  }

  async getStage(arn: string, signal?: AbortSignal): Promise<Stage> {
    return (await this.#call('GetStage', { arn }, signal))['stage'] as Stage;
  }

  async createStage(name: string): Promise<Stage> {
    const body = name === '' ? {} : { name };
    return (await this.#call('CreateStage', body))['stage'] as Stage;
  }

  async deleteStage(arn: string): Promise<void> {
    await this.#call('DeleteStage', { arn });
  }

  /** Makes a participant token and returns its text. */
  async createToken(request: TokenRequest): Promise<string> {
    const answer = await this.#call('CreateParticipantToken', { ...request });
    return (answer['participantToken'] as { token: string }).token;
  }

  async disconnectParticipant(stageArn: string, participantId: string): Promise<void> {
    const reason = 'Disconnected by the console';
    await this.#call('DisconnectParticipant', { stageArn, participantId, reason });
  }

  async listSessions(
    stageArn: string,
    nextToken?: string,
    signal?: AbortSignal,
  ): Promise<SessionPage> {
    const body = { stageArn, maxResults: 20, ...after(nextToken) };
    return (await this.#call('ListStageSessions', body, signal)) as unknown as SessionPage;
  }

  async getSession(key: SessionKey, signal?: AbortSignal): Promise<Session> {
    return (await this.#call('GetStageSession', key, signal))['stageSession'] as Session;
  }

  async listParticipants(
    key: SessionKey,
    options: {
      /** At most one filter. */
      filter?: { filterByState: ParticipantSummary['state'] } | { filterByPublished: boolean };
      nextToken?: string | undefined;
      signal?: AbortSignal;
    } = {},
  ): Promise<ParticipantPage> {
    const { filter = {} } = options;
    const body = { ...key, ...filter, maxResults: 100, ...after(options.nextToken) };
    const page = await this.#call('ListParticipants', body, options.signal);
    return page as unknown as ParticipantPage;
  }

  async getParticipant(
    key: SessionKey,
    participantId: string,
    signal?: AbortSignal,
  ): Promise<Participant> {
    const answer = await this.#call('GetParticipant', { ...key, participantId }, signal);
    return answer['participant'] as Participant;
  }

  /** What happened to somebody in a session, latest first. */
  async listParticipantEvents(
    key: SessionKey,
    participantId: string,
    nextToken?: string,
    signal?: AbortSignal,
  ): Promise<EventPage> {
    const body = { ...key, participantId, maxResults: 100, ...after(nextToken) };
    return (await this.#call('ListParticipantEvents', body, signal)) as unknown as EventPage;
  }

  /** A page of a list whose operation takes nothing else. */
  async list(operation: string, nextToken?: string): Promise<Record<string, unknown>> {
    return this.#call(operation, { maxResults: 50, ...after(nextToken) });
  }

  /** Calls an operation by its name. */
  async operate(
    operation: string,
    input: object,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    return this.#call(operation, input, signal);
  }

  /** The time by the server's clock, as far as it is known. */
  now(): number {
    return Date.now() + this.#skewMs;
  }

  /** The ARN of the account's stage with that id. The account is learned from a stage that there is. */
  async stageArn(id: string, signal?: AbortSignal): Promise<string> {
    if (this.#account === undefined) {
      const { stages } = await this.listStages(undefined, signal);
      this.#account = stages[0]?.arn.split(':')[4] ?? '000000000000';
    }
    return `arn:aws:ivs:${this.#keys.region}:${this.#account}:stage/${id}`;
  }

  /** Asks what is about this server and not about the API: docs/events.md. */
  async admin(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    more: { query?: Record<string, string>; input?: object; signal?: AbortSignal } = {},
  ): Promise<Record<string, unknown>> {
    const body = more.input === undefined ? '' : JSON.stringify(more.input);
    const response = await this.#ask({
      method,
      path: `/admin/v1${path}`,
      query: queryOf(more.query ?? {}),
      body,
      signal: more.signal,
    });
    return parse(await response.text());
  }

  /** Follows what an admin endpoint tells for as long as it lasts. */
  async follow(
    path: string,
    query: Record<string, string>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#ask({
      method: 'GET',
      path: `/admin/v1${path}`,
      query: queryOf(query),
      body: '',
      signal,
    });
    if (response.body === null) throw new ApiError('Unreachable', 0, 'The server told nothing.');
    return response.body;
  }

  async #call(
    operation: string,
    input: object,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const body = JSON.stringify(input);
    const response = await this.#ask({ method: 'POST', path: `/${operation}`, body, signal });
    return parse(await response.text());
  }

  /** Sends a signed request; throws unless the answer is a good one. */
  async #ask(question: Question): Promise<Response> {
    const response = await this.#send(question);
    if (response.ok) return response;
    const skewMs = skewOf(response);
    // A clock that is off makes every signature wrong; the server's answer tells by how much.
    if (response.status === 403 && Math.abs(skewMs - this.#skewMs) > 60_000) {
      this.#skewMs = skewMs;
      const second = await this.#send(question);
      if (second.ok) return second;
      throw await errorOf(second);
    }
    throw await errorOf(response);
  }

  async #send({ method, path, query = '', body, signal }: Question): Promise<Response> {
    const now = new Date(this.now());
    const { host } = new URL(this.#origin);
    const headers = sign(this.#keys, { method, path, query, host, body, now });
    const init: RequestInit = { method, headers, cache: 'no-store' };
    if (body !== '') init.body = body;
    if (signal !== undefined) init.signal = signal;
    try {
      return await this.#fetch(this.#origin + path + (query === '' ? '' : `?${query}`), init);
    } catch (thrown) {
      if (signal?.aborted) throw thrown;
      throw new ApiError('Unreachable', 0, 'The server cannot be reached.');
    }
  }
}

interface Question {
  method: string;
  path: string;
  query?: string;
  body: string;
  signal: AbortSignal | undefined;
}

function after(nextToken: string | undefined): { nextToken?: string } {
  return nextToken === undefined ? {} : { nextToken };
}

function skewOf(response: Response): number {
  const date = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(date) ? 0 : date - Date.now();
}

async function errorOf(response: Response): Promise<ApiError> {
  const body = parse(await response.text());
  const kind = (response.headers.get('x-amzn-errortype') ?? '').split(':')[0] ?? '';
  const message = [body['message'], body['exceptionMessage'], body['Message']].find(
    (m): m is string => typeof m === 'string' && m !== '',
  );
  return new ApiError(
    kind || `HTTP ${response.status}`,
    response.status,
    message ?? `The server answered ${response.status}.`,
  );
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
