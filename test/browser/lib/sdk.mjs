import { spawnSync } from 'node:child_process';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTab } from './browser.mjs';
import { takeLine } from './line.mjs';

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

/**
 * Opens the page of an app; `window.app` has the functions of `application` below. Its media go
 * over `line`, if there is one; or over the relays that it is told of, and nowhere else.
 */
export async function openApp(browser, app, { line, relayed = false, ...options } = {}) {
  // A session that the server ended first is not there any more: the browser writes that down.
  const page = await openTab(browser, { allow: [/\/whip\//], ...options });
  if (line !== undefined) await takeLine(page, line);
  if (relayed) await page.addInitScript(useRelays);
  await page.goto(app.origin);
  await openApplication(page);
  return page;
}

/** Runs inside the page: as if no other way led to the server. */
function useRelays() {
  const Direct = window.RTCPeerConnection;
  window.RTCPeerConnection = function (config) {
    return new Direct({ ...config, iceTransportPolicy: 'relay' });
  };
  window.RTCPeerConnection.prototype = Direct.prototype;
}

/** Begins anew on a page that was loaded again. */
export async function openApplication(page) {
  await page.waitForFunction(() => window.sdk !== undefined);
  await page.evaluate(application);
}

const html = `<!doctype html><link rel="icon" href="data:,"><body><script type="module">
import * as sdk from '/index.js';
window.sdk = sdk;
</script>`;

/**
 * Runs inside the page. `app.heard` is what happened, by event and participant; `app.people` are
 * the others who are on the stage.
 */
function application() {
  const { LocalStageStream, Stage, StageEvents, SubscribeType } = window.sdk;
  const app = {
    heard: [],
    people: new Map(),
    remote: new Map(),
    streams: [],
    publishes: false,
    type: SubscribeType.AUDIO_VIDEO,
    layer: undefined,
  };
  window.app = app;

  app.join = async (token, { publish = false, simulcast = false } = {}) => {
    app.publishes = publish;
    if (publish && app.streams.length === 0) {
      const media = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 1280, height: 720, frameRate: 30 },
      });
      const config = { simulcast: { enabled: simulcast } };
      app.streams = media.getTracks().map((track) => new LocalStageStream(track, config));
    }
    app.stage = new Stage(token, {
      shouldPublishParticipant: () => app.publishes,
      stageStreamsToPublish: () => app.streams,
      shouldSubscribeToParticipant: () => app.type,
      preferredLayerForStream: () => app.layer,
    });
    for (const event of Object.values(StageEvents)) {
      app.stage.on(event, (first) => app.heard.push(`${event} ${first?.id ?? first}`));
    }
    app.stage.on(StageEvents.STAGE_PARTICIPANT_JOINED, (person) => {
      if (!person.isLocal) app.people.set(person.id, person);
    });
    app.stage.on(StageEvents.STAGE_PARTICIPANT_LEFT, (person) => app.people.delete(person.id));
    app.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (person, streams) => {
      if (!person.isLocal) show(person.id, streams);
    });
    app.stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (person, streams) => {
      if (!person.isLocal) hide(person.id, streams);
    });
    await app.stage.join();
  };

  /** Has the stage ask again what is wanted. */
  app.want = (wishes) => {
    Object.assign(app, wishes);
    app.stage.refreshStrategy();
  };

  const show = (id, streams) => {
    let element = document.getElementById(id);
    if (element === null) {
      element = document.createElement('video');
      Object.assign(element, { id, autoplay: true, muted: true, srcObject: new MediaStream() });
      document.body.append(element);
    }
    for (const stream of streams) {
      element.srcObject.addTrack(stream.mediaStreamTrack);
      app.remote.set(`${id} ${stream.streamType}`, stream);
    }
    element.play().catch(() => undefined);
  };
  const hide = (id, streams) => {
    const element = document.getElementById(id);
    for (const stream of streams) element?.srcObject.removeTrack(stream.mediaStreamTrack);
  };

  /** The figures of each layer that is sent, by rid. */
  app.sent = async () => {
    const video = app.streams.find((stream) => stream.streamType === 'video');
    const report = await video.requestRTCStats();
    const layers = {};
    report?.forEach((entry) => {
      if (entry.type === 'outbound-rtp' && entry.kind === 'video') layers[entry.rid ?? ''] = entry;
    });
    return layers;
  };

  /** The figures of what is, or was last, received of somebody. */
  app.received = async (id, kind = 'video') => {
    const report = await app.remote.get(`${id} ${kind}`)?.requestRTCStats();
    let received;
    report?.forEach((entry) => {
      if (entry.type === 'inbound-rtp') received = entry;
    });
    return received;
  };

  const until = async (isSo) => {
    while (!(await isSo())) await new Promise((done) => setTimeout(done, 100));
  };
  /** Resolves when the picture of somebody comes in one of these widths, and moves. */
  app.sees = async (id, ...widths) => {
    let first;
    await until(async () => {
      const now = await app.received(id);
      if (now === undefined || !widths.includes(now.frameWidth)) {
        first = undefined;
        return false;
      }
      first ??= now;
      return now.framesDecoded >= first.framesDecoded + 5;
    });
  };
  /** Resolves when somebody's picture has these layers, by label and width, and this one is shown. */
  app.chooses = (id, widths, label) =>
    until(() => {
      const layers = app.remote.get(`${id} video`)?.getLayers() ?? [];
      const found = Object.fromEntries(layers.map((layer) => [layer.label, layer.width]));
      const selected = layers.filter((layer) => layer.selected).map((layer) => layer.label);
      return JSON.stringify([found, selected]) === JSON.stringify([widths, [label]]);
    });
  /** Resolves when the publisher's encoders of these layers run, and the others do not. */
  app.sends = (...rids) =>
    until(async () => {
      const layers = Object.values(await app.sent());
      return layers.length > 0 && layers.every(({ rid, active }) => active === rids.includes(rid));
    });
  /** Resolves when nothing of a medium has come for a second. */
  app.silent = async (id, kind) => {
    let last;
    await until(async () => {
      const bytes = (await app.received(id, kind))?.bytesReceived;
      if (bytes !== last?.bytes) last = { bytes, at: performance.now() };
      return performance.now() - last.at > 1000;
    });
  };
  /** Resolves when more of a medium comes. */
  app.flows = async (id, kind) => {
    const before = (await app.received(id, kind))?.bytesReceived ?? 0;
    await until(async () => (await app.received(id, kind))?.bytesReceived > before);
  };
  app.hears = (what) => until(async () => app.heard.includes(what));
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
