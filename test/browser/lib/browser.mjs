import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { probe } from './probe.mjs';

/**
 * Starts Chromium with a camera and a microphone that need neither hardware nor consent.
 * With `strictAutoplay` it plays no sound before the first click, as it does for a stranger.
 * With `noUdp` it sends media over TCP alone, as behind a firewall that lets no UDP out.
 */
export async function startBrowser({ strictAutoplay = false, noUdp = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'proscenium-voice-'));
  const voice = join(folder, 'voice.wav');
  writeFileSync(voice, makeVoice());
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream=fps=30',
      `--use-file-for-fake-audio-capture=${voice}`,
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      ...(noUdp ? ['--webrtc-ip-handling-policy=disable_non_proxied_udp'] : []),
      `--autoplay-policy=${strictAutoplay ? 'document-user-activation-required' : 'no-user-gesture-required'}`,
    ],
  });
  browser.once('disconnected', () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}

/**
 * Opens a tab in a profile of its own. Whatever the page complains about, an uncaught error, an
 * error in the console, or something that its policy refused, is kept in `complaints`; `allow`
 * names what a test provokes on purpose.
 */
export async function openTab(browser, { allow = [], ...options } = {}) {
  const context = await browser.newContext({
    permissions: ['camera', 'microphone'],
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  const complain = (text) => {
    if (!allow.some((pattern) => pattern.test(text))) complaints.push(text);
  };
  page.on('pageerror', (error) => complain(`uncaught: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      complain(`console: ${message.text()} (${message.location().url})`);
    }
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.addInitScript(probe);
  page.complaints = complaints;
  return page;
}

/** Four seconds that sound enough like speech to pass a noise suppressor. */
function makeVoice() {
  const rate = 48000;
  const samples = new Int16Array(rate * 4);
  for (let i = 0; i < samples.length; i += 1) {
    const t = i / rate;
    const pitch = 180 + 60 * Math.sin(2 * Math.PI * 0.7 * t);
    const syllable = 0.55 + 0.45 * Math.sin(2 * Math.PI * 4 * t);
    const voice = [1, 2, 3, 4, 5].reduce(
      (sum, n) => sum + Math.sin(2 * Math.PI * n * pitch * t) / n,
      0,
    );
    samples[i] = Math.round(9000 * syllable * voice);
  }
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}
