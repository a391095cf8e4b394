/** Wishes that a sender states in the description of its receiver. */
export interface AnswerWishes {
  /** Where Chrome's bandwidth estimate starts, in kbit/s, instead of at 300. */
  videoStartKbps?: number;
  stereo?: boolean;
  /** Bits per second. */
  audioBitrate?: number;
}

/**
 * Adds format parameters to an SDP answer, since that is where a browser's encoders take them
 * from. Parameters that the server has set stay as they are.
 */
export function withWishes(answer: string, wishes: AnswerWishes): string {
  const codecs = new Map<string, string>();
  for (const match of answer.matchAll(/^a=rtpmap:(\d+) ([^/\r\n]+)/gm)) {
    codecs.set(match[1] ?? '', (match[2] ?? '').toLowerCase());
  }
  return answer.replace(/^a=fmtp:(\d+) ([^\r\n]*)/gm, (line, type: string, parameters: string) => {
    const extra = parametersFor(codecs.get(type), wishes).filter(
      (p) => !parameters.includes(`${p.split('=')[0]}=`),
    );
    return extra.length === 0 ? line : `${line};${extra.join(';')}`;
  });
}

function parametersFor(codec: string | undefined, wishes: AnswerWishes): string[] {
  if (codec === 'h264' && wishes.videoStartKbps !== undefined) {
    return [`x-google-start-bitrate=${Math.round(wishes.videoStartKbps)}`];
  }
  if (codec !== 'opus') return [];
  const parameters: string[] = [];
  if (wishes.stereo === true) parameters.push('stereo=1');
  if (wishes.audioBitrate !== undefined) {
    parameters.push(`maxaveragebitrate=${Math.round(wishes.audioBitrate)}`);
  }
  return parameters;
}
