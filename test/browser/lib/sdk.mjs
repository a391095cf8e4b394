import { spawnSync } from 'node:child_process';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTab } from './browser.mjs';

const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
/** Compiles the client library, as an application gets it, into a folder of its own. */
function library() {
  const built = mkdtempSync(join(tmpdir(), 'proscenium-sdk-'));
  const tsc = join(root, 'web/node_modules/typescript/bin/tsc');
  const project = join(root, 'web/sdk/tsconfig.build.json');
  const made = spawnSync(process.execPath, [tsc, '-p', project, '--outDir', built], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`the client library does not compile:\n${made.stdout}`);
  return built;
}

/**
 * Serves a page that is an application of the client library and nothing else, from an origin of
 * its own. A page that came from nowhere would not be let near a server on this machine.
 */
export async function startApp() {
  const folder = library();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    const isScript = /^\/[\w/]+\.js$/.test(pathname) && existsSync(join(folder, pathname));
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? readFileSync(join(folder, pathname)) : html);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Opens the page of an app; `window.app` has the functions of `application` below. */
export async function openApp(browser, app, options) {
  const page = await openTab(browser, options);
  await page.goto(app.origin);
  await page.waitForFunction(() => window.sdk !== undefined);
  await page.evaluate(application);
  return page;
}

const html = `<!doctype html><link rel="icon" href="data:,"><body><script type="module">
import * as sdk from '/index.js';
window.sdk = sdk;
</script>`;

/** Runs inside the page. What happens is kept in `app.heard`, by event and participant. */
function application() {
  const { LocalStageStream, Stage, StageEvents, SubscribeType } = window.sdk;
  const app = { heard: [], type: SubscribeType.AUDIO_VIDEO, layer: undefined, streams: [] };
  window.app = app;
  app.join = async (token, { publish = false, video = {}, audio = true } = {}) => {
    if (publish && app.streams.length === 0) {
      const media = await navigator.mediaDevices.getUserMedia({
        audio,
        video: { width: 1280, height: 720, frameRate: 30 },
      });
      app.streams = media.getTracks().map((track) => new LocalStageStream(track, video));
    }
    app.stage = new Stage(token, {
      shouldPublishParticipant: () => publish,
      stageStreamsToPublish: () => app.streams,
      shouldSubscribeToParticipant: () => app.type,
      preferredLayerForStream: () => app.layer,
    });
    for (const event of Object.values(StageEvents)) {
      app.stage.on(event, (...args) => {
        const [first, ...rest] = args.map((arg) => arg?.id ?? arg?.label ?? arg);
        app.heard.push({ event, first, rest: rest.map((one) => (one === undefined ? null : one)) });
      });
    }
    app.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (participant, streams) => {
      if (!participant.isLocal) show(participant.id, streams);
    });
    app.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (participant, streams) => {
      if (!participant.isLocal) hide(participant.id, streams);
    });
    await app.stage.join();
  };
  app.remote = new Map();
  const show = (id, streams) => {
    let element = document.getElementById(id);
    if (element === null) {
      element = document.createElement('video');
      Object.assign(element, { id, autoplay: true, muted: true, srcObject: new MediaStream() });
      document.body.append(element);
    }
    for (const stream of streams) {
      element.srcObject.addTrack(stream.mediaStreamTrack);
      if (stream.streamType === 'video') app.remote.set(id, stream);
    }
    element.play().catch(() => undefined);
  };
  const hide = (id, streams) => {
    const element = document.getElementById(id);
    for (const stream of streams) {
      element?.srcObject.removeTrack(stream.mediaStreamTrack);
      if (stream.streamType === 'video') app.remote.delete(id);
    }
  };
  /** The figures of each layer that is sent, by rid. */
  app.sent = async () => {
    const video = app.streams.find((stream) => stream.streamType === 'video');
    const report = await video.requestRTCStats();
    const layers = {};
    report?.forEach((entry) => {
      if (entry.type !== 'outbound-rtp' || entry.kind !== 'video') return;
      const { rid = '', active, frameWidth, framesEncoded, keyFramesEncoded, bytesSent } = entry;
      layers[rid] = { active, width: frameWidth, framesEncoded, keyFramesEncoded, bytesSent };
    });
    return layers;
  };
  /** The figures of the picture that is received of somebody, also while it is not shown. */
  app.received = async (id) => {
    const report = await app.remote.get(id)?.requestRTCStats();
    let received;
    report?.forEach((entry) => {
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') received = entry;
    });
    return received;
  };
}

/** A key pair of the customer's own: the server has the public half, and tokens are made here. */
export async function ownKey(server) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const { publicKey: imported } = await server.api('ImportPublicKey', { publicKeyMaterial: pem });
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    /** A token for the stage; `changes` are claims. */
    token(stage, changes) {
      const now = Math.floor(Date.now() / 1000);
      const head = encode({ alg: 'ES384', typ: 'JWT', kid: imported.arn });
      const claims = encode({
        exp: now + 3600,
        iat: now,
        resource: stage.arn,
        topic: stage.arn.split('/').at(-1),
        events_url: stage.endpoints.events,
        whip_url: stage.endpoints.whip,
        capabilities: { allow_publish: true, allow_subscribe: true },
        version: '1.0',
        ...changes,
      });
      const signature = createSign('SHA384')
        .update(`${head}.${claims}`)
        .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${head}.${claims}.${signature.toString('base64url')}`;
    },
  };
}

/** A token of the server's making. */
export async function participantToken(server, stage, capabilities = ['PUBLISH', 'SUBSCRIBE']) {
  const input = { stageArn: stage.arn, capabilities };
  const { participantToken: made } = await server.api('CreateParticipantToken', input);
  return made;
}
