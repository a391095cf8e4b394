/** Called with the loudness of a track, from 0 (silence) to 1, about twelve times a second. */
export type LevelListener = (level: number) => void;

const periodMs = 80;
let context: AudioContext | undefined;

/**
 * Measures a track until the returned function is called. Before the first click or key press on
 * the page browsers run no audio graph; the level is 0 until then.
 */
export function watchLevel(track: MediaStreamTrack, listener: LevelListener): () => void {
  const graph = sharedContext();
  const source = graph.createMediaStreamSource(new MediaStream([track]));
  const analyser = graph.createAnalyser();
  analyser.fftSize = 512;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    listener(track.enabled ? loudness(samples) : 0);
  }, periodMs);
  return () => {
    clearInterval(timer);
    source.disconnect();
  };
}

/** The root mean square on a scale of decibels: -60 dB is 0, -6 dB and above is 1. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-10);
  return Math.min(1, Math.max(0, (decibels + 60) / 54));
}

function sharedContext(): AudioContext {
  if (context !== undefined) return context;
  const made = new AudioContext();
  const wake = () => {
    if (made.state === 'suspended') made.resume().catch(() => undefined);
  };
  addEventListener('pointerdown', wake);
  addEventListener('keydown', wake);
  context = made;
  return made;
}
