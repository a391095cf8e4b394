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
 * Starts a server of its own ports and data folder and waits until it is ready.
 * `output()` is all that it has printed.
 */
export async function startServer(...flags) {
  const data = mkdtempSync(join(tmpdir(), 'proscenium-browser-'));
  const [http, media, rtmp] = [await freePort(), await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${http}`;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('PROSCENIUM_')),
  );
  const child = spawn(
    binary(),
    [
      'serve',
      ...['--data-dir', data],
      ...['--http', `127.0.0.1:${http}`],
      ...['--media', `127.0.0.1:${media}`],
      ...['--rtmp', `127.0.0.1:${rtmp}`],
      ...flags,
    ],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  const listeners = new Set();
  const append = (chunk) => {
    output += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', append);
  child.stderr.setEncoding('utf8').on('data', append);
  const exited = once(child, 'exit');

  const server = {
    origin,
    output: () => output,
    /** Resolves with the first match in what the server prints. */
    printed: (pattern) =>
      new Promise((done) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match === null) return;
          listeners.delete(look);
          done(match);
        };
        listeners.add(look);
        look();
      }),
    api: (operation, input) => call(origin, operation, input),
    async stop() {
      child.kill('SIGTERM');
      const [code] = await exited;
      rmSync(data, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${output}`);
    },
  };
  // The banner is printed once the server is ready.
  const failed = exited.then(() =>
    Promise.reject(new Error(`the server did not start:\n${output}`)),
  );
  await Promise.race([server.printed(/Console +http/), failed]);
  failed.catch(() => undefined);
  return server;
}

async function freePort() {
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
