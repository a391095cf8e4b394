import { StageErrorCategory, StageErrorCode, StageLeftReason } from '../enums.js';
import { StageError } from '../errors.js';

// docs/signalling.md 1.4: what the server's words mean to an application.

const refusals: Record<string, StageErrorCode> = {
  TOKEN_MISSING: StageErrorCode.TOKEN_MALFORMED,
  TOKEN_MALFORMED: StageErrorCode.TOKEN_MALFORMED,
  TOKEN_INVALID: StageErrorCode.TOKEN_MALFORMED,
  TOKEN_EXPIRED: StageErrorCode.TOKEN_EXPIRED,
  STAGE_DELETED: StageErrorCode.STAGE_DELETED,
  PARTICIPANT_DISCONNECTED: StageErrorCode.PARTICIPANT_DISCONNECTED,
  STAGE_AT_CAPACITY: StageErrorCode.STAGE_AT_CAPACITY,
  // A forced leave that comes before the stage is joined.
  'stage-deleted': StageErrorCode.STAGE_DELETED,
  'participant-disconnected': StageErrorCode.PARTICIPANT_DISCONNECTED,
};

const reasons: Record<string, StageLeftReason> = {
  'token-reused': StageLeftReason.TOKEN_REUSED,
  'participant-disconnected': StageLeftReason.PARTICIPANT_DISCONNECTED,
  'stage-deleted': StageLeftReason.STAGE_DELETED,
  'failed-exchange': StageLeftReason.FAILED_EXCHANGE,
  // A refused return is a forced leave that was missed.
  PARTICIPANT_DISCONNECTED: StageLeftReason.PARTICIPANT_DISCONNECTED,
  STAGE_DELETED: StageLeftReason.STAGE_DELETED,
};

/** The error of a join that the server refused. */
export function joinRefusal(code: string, message: string): StageError {
  return joinError(refusals[code] ?? StageErrorCode.FAILED, message || `Join refused: ${code}`);
}

/** Why a joined participant is out, by the reason of a forced leave or the code of a refusal. */
export function leftReason(word: string): StageLeftReason {
  return reasons[word] ?? StageLeftReason.UNKNOWN;
}

// What a publication may not send: docs/signalling.md.
const rules: Record<string, StageErrorCode> = {
  BITRATE_EXCEEDED: StageErrorCode.FAILED,
  RESOLUTION_EXCEEDED: StageErrorCode.FAILED,
  B_FRAME_PRESENT: StageErrorCode.FAILED,
  INVALID_INPUT: StageErrorCode.FAILED,
  INVALID_VIDEO_CODEC: StageErrorCode.CODEC_MISMATCH,
  INVALID_AUDIO_CODEC: StageErrorCode.CODEC_MISMATCH,
};

/** The error of a publication that the server ended for what it sent; undefined for other errors. */
export function publishRefusal(code: string, message: string): StageError | undefined {
  const known = rules[code];
  if (known === undefined) return undefined;
  return new StageError(known, StageErrorCategory.PUBLISH_ERROR, message || code);
}

export function joinError(code: StageErrorCode, message: string): StageError {
  return new StageError(code, StageErrorCategory.JOIN_ERROR, message);
}
