import { useCallback, useEffect, useRef, useState } from 'react';
import type { Kind, Tracks } from './model.ts';

export interface Device {
  id: string;
  label: string;
}

export interface Capture {
  tracks: Tracks;
  devices: Record<Kind, Device[]>;
  /** The chosen device; undefined means that the medium is off. */
  chosen: Partial<Record<Kind, string>>;
  /** Why there is no picture or no sound from this device. */
  problems: Partial<Record<Kind, string>>;
  choose(kind: Kind, deviceId: string | undefined): void;
}

const none: Record<Kind, Device[]> = { audio: [], video: [] };
const kinds = ['audio', 'video'] as const;

/** useCapture opens the camera and the microphone and keeps them open while the page is shown. */
export function useCapture(): Capture {
  const [tracks, setTracks] = useState<Tracks>({});
  const [devices, setDevices] = useState(none);
  const [chosen, setChosen] = useState<Capture['chosen']>({});
  const [problems, setProblems] = useState<Capture['problems']>({});
  const open = useRef<Tracks>({});
  const turn = useRef<Record<Kind, number>>({ audio: 0, video: 0 });

  const put = useCallback((kind: Kind, track: MediaStreamTrack | undefined) => {
    open.current[kind]?.stop();
    const { [kind]: _old, ...others } = open.current;
    open.current = track === undefined ? others : { ...others, [kind]: track };
    setTracks(open.current);
  }, []);

  const choose = useCallback(
    (kind: Kind, deviceId: string | undefined) => {
      const mine = (turn.current[kind] += 1);
      setProblems(({ [kind]: _old, ...others }) => others);
      if (deviceId === undefined) {
        put(kind, undefined);
        setChosen(({ [kind]: _old, ...others }) => others);
        return;
      }
      setChosen((before) => ({ ...before, [kind]: deviceId }));
      openDevice(kind, deviceId)
        .then((track) => {
          // Another choice was made, or the page was left, while the device was being opened.
          if (turn.current[kind] !== mine) return track.stop();
          track.addEventListener('ended', () => {
            if (open.current[kind] !== track) return;
            put(kind, undefined);
            setProblems((before) => ({ ...before, [kind]: 'The device was disconnected.' }));
          });
          put(kind, track);
          const id = track.getSettings().deviceId ?? deviceId;
          setChosen((before) => ({ ...before, [kind]: id }));
          return listDevices().then(setDevices);
        })
        .catch((error: unknown) => {
          if (turn.current[kind] !== mine) return;
          put(kind, undefined);
          setChosen(({ [kind]: _old, ...others }) => others);
          setProblems((before) => ({ ...before, [kind]: problemOf(kind, error) }));
          listDevices().then(setDevices, () => undefined);
        });
    },
    [put],
  );

  useEffect(() => {
    for (const kind of kinds) choose(kind, '');
    const turns = turn.current;
    const refresh = () => void listDevices().then(setDevices, () => undefined);
    const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
    media?.addEventListener('devicechange', refresh);
    return () => {
      media?.removeEventListener('devicechange', refresh);
      for (const kind of kinds) {
        turns[kind] += 1;
        put(kind, undefined);
      }
    };
  }, [choose, put]);

  return { tracks, devices, chosen, problems, choose };
}

async function openDevice(kind: Kind, deviceId: string): Promise<MediaStreamTrack> {
  const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  if (media === undefined) throw new DOMException('', 'InsecureContext');
  const device = deviceId === '' ? {} : { deviceId: { exact: deviceId } };
  const stream = await media.getUserMedia(
    kind === 'audio'
      ? {
          audio: {
            echoCancellation: true,
            noiseSuppression: true,
            autoGainControl: true,
            ...device,
          },
        }
      : {
          video: {
            width: { ideal: 1280 },
            height: { ideal: 720 },
            frameRate: { ideal: 30 },
            ...device,
          },
        },
  );
  const track = stream.getTracks()[0];
  if (track === undefined) throw new DOMException('', 'NotFoundError');
  return track;
}

async function listDevices(): Promise<Record<Kind, Device[]>> {
  const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  const all = (await media?.enumerateDevices()) ?? [];
  const of = (kind: MediaDeviceKind, word: string) =>
    all
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map((device, n) => ({ id: device.deviceId, label: device.label || `${word} ${n + 1}` }));
  return { audio: of('audioinput', 'Microphone'), video: of('videoinput', 'Camera') };
}

function problemOf(kind: Kind, error: unknown): string {
  const device = kind === 'audio' ? 'microphone' : 'camera';
  switch (error instanceof DOMException ? error.name : '') {
    case 'InsecureContext':
      return `Browsers allow the ${device} only over HTTPS or on localhost.`;
    case 'NotAllowedError':
      return `The browser was not allowed to use the ${device}.`;
    case 'NotFoundError':
      return `No ${device} was found.`;
    case 'NotReadableError':
      return `The ${device} is in use by another program.`;
    case 'OverconstrainedError':
      return `That ${device} is not there any more.`;
    default:
      return `The ${device} cannot be opened.`;
  }
}
