/** Highest video bitrate of a stream, in kbit/s. */
export const STAGE_MAX_BITRATE = 2500;
/** Lowest video bitrate of a stream, in kbit/s. */
export const STAGE_MIN_BITRATE = 50;
/** Highest frame rate, in frames per second. */
export const STAGE_MAX_FRAMERATE = 30;
/** Lowest frame rate, in frames per second. */
export const STAGE_MIN_FRAMERATE = 10;
/** Longest side of a picture, in pixels. */
export const STAGE_MAX_RESOLUTION = 1280;
/** Shortest side of a picture, in pixels. */
export const STAGE_MIN_RESOLUTION = 160;
/** Highest audio bitrate, in kbit/s. */
export const STAGE_MAX_AUDIO_BITRATE_KBPS = 128;
/** Lowest audio bitrate, in kbit/s. */
export const STAGE_MIN_AUDIO_BITRATE_KBPS = 12;
/** Audio bitrate when none is asked for, in kbit/s. */
export const STAGE_MAX_AUDIO_BITRATE_KBPS_DEFAULT = 64;

/** Clamps a wish to its range; a wish that is no number counts as none. */
export function clamp(
  wish: number | undefined,
  low: number,
  high: number,
  fallback: number,
): number {
  if (wish === undefined || !Number.isFinite(wish)) return fallback;
  return Math.min(high, Math.max(low, wish));
}
