import { build } from 'vite';
import { describe, expect, it } from 'vitest';
import * as sdk from '../src/index.js';

describe('the library as applications get it', () => {
  it('has these names, and no other', () => {
    expect(Object.keys(sdk).sort()).toEqual([
      'Emitter',
      'InitialLayerPreference',
      'JitterBufferMinDelay',
      'LocalStageStream',
      'NetworkQuality',
      'RemoteStageStream',
      'RemoteStageStreamEvents',
      'STAGE_MAX_AUDIO_BITRATE_KBPS',
      'STAGE_MAX_AUDIO_BITRATE_KBPS_DEFAULT',
      'STAGE_MAX_BITRATE',
      'STAGE_MAX_FRAMERATE',
      'STAGE_MAX_RESOLUTION',
      'STAGE_MIN_AUDIO_BITRATE_KBPS',
      'STAGE_MIN_BITRATE',
      'STAGE_MIN_FRAMERATE',
      'STAGE_MIN_RESOLUTION',
      'SimulcastLayerPresets',
      'Stage',
      'StageConnectionState',
      'StageError',
      'StageErrorCategory',
      'StageErrorCode',
      'StageEvents',
      'StageLeftReason',
      'StageParticipantPublishState',
      'StageParticipantSubscribeState',
      'StageStream',
      'StageStreamLayerSelectedReason',
      'StreamType',
      'SubscribeType',
    ]);
  });

  it('gives a stage these methods', () => {
    const methods = (kind: { prototype: object }) =>
      Object.getOwnPropertyNames(kind.prototype).filter((name) => name !== 'constructor');
    expect(methods(sdk.Stage).sort()).toEqual([
      'exchangeToken',
      'join',
      'leave',
      'localParticipant',
      'refreshStrategy',
      'replaceStrategy',
    ]);
  });

  it('is no larger than 18 kB, minified and compressed', { timeout: 60_000 }, async () => {
    const output = await build({
      configFile: false,
      logLevel: 'silent',
      build: {
        write: false,
        target: 'es2022',
        lib: {
          entry: new URL('../src/index.ts', import.meta.url).pathname,
          formats: ['es'],
        },
      },
    });
    const [made] = [output].flat();
    if (made === undefined || !('output' in made)) throw new Error('nothing was built');
    const code = made.output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('');
    const compressed = new Blob([code]).stream().pipeThrough(new CompressionStream('gzip'));
    const size = (await new Response(compressed).arrayBuffer()).byteLength;
    expect(size).toBeGreaterThan(9_000);
    expect(size).toBeLessThan(18_000);
  });
});
