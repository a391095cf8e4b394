/** What happened, in a few words. `other` is the name of whom else it is about. */
export function eventWords(name: string, other?: string): string {
  switch (name) {
    case 'JOINED':
      return 'Joined';
    case 'LEFT':
      return 'Left';
    case 'PUBLISH_STARTED':
      return 'Began to publish';
    case 'PUBLISH_STOPPED':
      return 'Stopped publishing';
    case 'SUBSCRIBE_STARTED':
      return `Began to receive ${other ?? 'somebody'}`;
    case 'SUBSCRIBE_STOPPED':
      return `Stopped receiving ${other ?? 'somebody'}`;
    case 'JOIN_ERROR':
      return 'Could not join';
    case 'PUBLISH_ERROR':
      return 'Could not publish';
    case 'SUBSCRIBE_ERROR':
      return `Could not receive ${other ?? 'somebody'}`;
    case 'REPLICATION_STARTED':
      return 'Began to appear on another stage';
    case 'REPLICATION_STOPPED':
      return 'No longer appears on another stage';
    case 'TOKEN_EXCHANGED':
      return 'Exchanged the token';
    default:
      return name;
  }
}

/** What an error code means, and what helps. */
export function errorCodeWords(code: string): string {
  return errorCodes[code] ?? 'The server gave no explanation.';
}

const errorCodes: Record<string, string> = {
  INSUFFICIENT_CAPABILITIES:
    'The token does not permit it. Make one whose capabilities include PUBLISH or SUBSCRIBE, whichever was tried.',
  QUOTA_EXCEEDED:
    'There are too many publishers or viewers already. Wait until somebody leaves, or raise the quota.',
  PUBLISHER_NOT_FOUND:
    'The one to receive was not publishing: gone already, or never there. Subscribe again once they publish.',
  BITRATE_EXCEEDED: 'More than 8.5 Mbit/s were sent. Lower the bitrate at the publisher.',
  RESOLUTION_EXCEEDED:
    'The picture has more pixels than are allowed. Lower the resolution at the publisher.',
  STREAM_DURATION_EXCEEDED: 'It had been published for 24 hours, the longest there is.',
  INVALID_AUDIO_CODEC: 'The audio codec is not supported. Use Opus, or AAC over RTMP.',
  INVALID_VIDEO_CODEC: 'The video codec is not supported. Use H.264 or another that is served.',
  INVALID_PROTOCOL: 'The stream came over plain RTMP, and this ingest takes RTMPS only.',
  INVALID_STREAM_KEY: 'The stream key is not valid. Copy all of it, without spaces.',
  REUSE_OF_STREAM_KEY: 'The stream key is in use already, in another session.',
  B_FRAME_PRESENT: 'The stream has B-frames. Turn them off in the encoder.',
  INVALID_INPUT: 'The stream could not be read. Look at the settings of the encoder.',
  INTERNAL_SERVER_EXCEPTION: 'Something failed inside the server. Its log says more.',
};

export function isError(name: string): boolean {
  return name.endsWith('_ERROR');
}

/** How long something took, as in 1 h 05 min. */
export function durationWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const pad = (n: number) => String(n).padStart(2, '0');

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const shortClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

export const dateWords = (ms: number) => dateTime.format(ms);
export const clockWords = (ms: number) => clock.format(ms);
/** A time of day; its seconds only where they tell something. */
export const tickWords = (ms: number, stepMs: number) =>
  (stepMs < 60_000 ? clock : shortClock).format(ms);
