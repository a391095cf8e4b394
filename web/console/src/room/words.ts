import {
  StageConnectionState,
  StageErrorCode,
  StageLeftReason,
  type StageError,
} from '@proscenium/web';

/** Why a stay ended, for the one who was there. */
export function leftWords(reason: StageLeftReason): { title: string; text: string } {
  switch (reason) {
    case StageLeftReason.STAGE_DELETED:
      return { title: 'This stage has ended', text: 'It was deleted while you were on it.' };
    case StageLeftReason.PARTICIPANT_DISCONNECTED:
      return {
        title: 'You were disconnected',
        text: 'Somebody who runs this stage disconnected you. This link no longer works.',
      };
    case StageLeftReason.TOKEN_REUSED:
      return {
        title: 'Opened somewhere else',
        text: 'The same link was opened in another tab or on another device, which took over.',
      };
    case StageLeftReason.USER_INITIATED:
      return { title: 'You have left', text: 'You can come back at any time.' };
    default:
      return { title: 'The connection was ended', text: 'The server ended it. You can try again.' };
  }
}

/** What went wrong on a stage, in plain words. */
export function errorWords(error: StageError): string {
  switch (error.code) {
    case StageErrorCode.TOKEN_MALFORMED:
      return 'This link is not complete or not valid here. Ask for a new one.';
    case StageErrorCode.TOKEN_EXPIRED:
      return 'This link has expired. Ask for a new one.';
    case StageErrorCode.STAGE_DELETED:
      return 'This stage does not exist any more.';
    case StageErrorCode.PARTICIPANT_DISCONNECTED:
      return 'You were disconnected from this stage. This link no longer works.';
    case StageErrorCode.STAGE_AT_CAPACITY:
      return 'The stage is full at the moment. Try again later.';
    case StageErrorCode.CODEC_MISMATCH:
      return `${error.message}. Use another browser.`;
    case StageErrorCode.TOKEN_NOT_ALLOWED:
      return 'This link does not allow that.';
    case StageErrorCode.TIMEOUT:
      return 'The server did not answer in time. Check your connection and try again.';
    default:
      return error.category === 'JOIN_ERROR'
        ? `The stage cannot be joined: ${error.message}`
        : `Media cannot get through: ${error.message}`;
  }
}

/** Whether trying the same again can help. */
export function mayRetry(error: StageError): boolean {
  return ![
    StageErrorCode.TOKEN_MALFORMED,
    StageErrorCode.TOKEN_EXPIRED,
    StageErrorCode.STAGE_DELETED,
    StageErrorCode.PARTICIPANT_DISCONNECTED,
    StageErrorCode.CODEC_MISMATCH,
  ].includes(error.code);
}

export function connectionWords(state: StageConnectionState, hasJoined: boolean): string {
  switch (state) {
    case StageConnectionState.CONNECTED:
      return 'Connected';
    case StageConnectionState.CONNECTING:
      return hasJoined ? 'Reconnecting…' : 'Connecting…';
    case StageConnectionState.ERRORED:
      return hasJoined ? 'Reconnecting…' : 'Not connected';
    default:
      return 'Not connected';
  }
}
