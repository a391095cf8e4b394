import { spawn, spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));

/** The server's binary: PROSCENIUM_BIN names it or the folder it is in; otherwise it is built. */
function binary() {
  const given = process.env.PROSCENIUM_BIN;
  if (given) return statSync(given).isDirectory() ? join(given, 'proscenium') : given;
  const path = join(root, 'bin', 'proscenium');
  const built = spawnSync('go', ['build', '-o', path, './cmd/proscenium'], {
    cwd: root,
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: 'inherit',
  });
  if (built.status !== 0 || !existsSync(path)) throw new Error('the server does not build');
  return path;
}

/**
 * Starts a server with ports and a data folder of its own and waits until it is ready.
 * `output()` is all that it has printed.
 */
export async function startServer(...flags) {
  const data = mkdtempSync(join(tmpdir(), 'proscenium-browser-'));
  const [http, media, rtmp] = [await freePort(), await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${http}`;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('PROSCENIUM_')),
  );
  const command = [
    'serve',
    ...['--data-dir', data],
    ...['--http', `127.0.0.1:${http}`],
    ...['--media', `127.0.0.1:${media}`],
    ...['--rtmp', `127.0.0.1:${rtmp}`],
    ...flags,
  ];
  const path = binary();
  let life = await start(path, command, env);
  const end = async () => {
    life.child.kill('SIGTERM');
    const code = await life.exited;
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${life.output()}`);
  };
  return {
    origin,
    mediaPort: media,
    output: () => life.output(),
    printed: (pattern) => life.printed(pattern),
    api: (operation, input) => call(origin, operation, input),
    /** Ends the server by SIGTERM and starts it again on what it kept. */
    async restart() {
      await end();
      life = await start(path, command, env);
    },
    async stop() {
      await end();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** One life of the process, once it is ready. */
async function start(path, command, env) {
  const child = spawn(path, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const listeners = new Set();
  const append = (chunk) => {
    output += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', append);
  child.stderr.setEncoding('utf8').on('data', append);
  const exited = once(child, 'exit').then(([code]) => code);
  /** Resolves with the first match in what the server prints. */
  const printed = (pattern) =>
    new Promise((done) => {
      const look = () => {
        const match = pattern.exec(output);
        if (match === null) return;
        listeners.delete(look);
        done(match);
      };
      listeners.add(look);
      look();
    });
  // The banner is printed once the server is ready.
  const ready = await Promise.race([printed(/Console +http/), exited]);
  if (!Array.isArray(ready)) throw new Error(`the server did not start:\n${output}`);
  return { child, exited, printed, output: () => output };
}

/** A port that nobody on this machine uses, for UDP and TCP. */
export async function freePort() {
  for (;;) {
    const tcp = createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address();
    // Media wants the same number for UDP.
    const udp = createSocket('udp4');
    const isFree = await new Promise((done) => {
      udp.once('error', () => done(false));
      udp.bind(port, '127.0.0.1', () => done(true));
    });
    if (isFree) udp.close();
    tcp.close();
    await once(tcp, 'close');
    if (isFree) return port;
  }
}

/** Calls the API as root, signed by node's own crypto rather than by the code under test. */
async function call(origin, operation, input) {
  const body = JSON.stringify(input);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = date.slice(0, 8);
  const scope = `${day}/us-east-1/ivs/aws4_request`;
  const host = new URL(origin).host;
  const hash = (text) => createHash('sha256').update(text).digest('hex');
  const canonical = `POST\n/${operation}\n\ncontent-type:application/json\nhost:${host}\nx-amz-date:${date}\n\ncontent-type;host;x-amz-date\n${hash(body)}`;
  const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
  const key = [day, 'us-east-1', 'ivs', 'aws4_request'].reduce(hmac, 'AWS4test');
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`);
  const response = await fetch(`${origin}/${operation}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-amz-date': date,
      authorization: `AWS4-HMAC-SHA256 Credential=test/${scope}, SignedHeaders=content-type;host;x-amz-date, Signature=${signature.toString('hex')}`,
    },
    body,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${operation}: ${response.status} ${text}`);
  return text === '' ? {} : JSON.parse(text);
}
