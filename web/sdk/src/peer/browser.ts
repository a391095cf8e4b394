import { BrowserPeer } from './browserPeer.js';
import type { Platform, Socket, SocketObserver } from './platform.js';

/** The browser that the page runs in. Nothing of it is touched before a stage is joined. */
export const browser: Platform = {
  openSocket,
  fetch: (url, init) => fetch(url, init),
  createPeer: (options, observer) => new BrowserPeer(options, observer),
  onOnline(callback) {
    addEventListener('online', callback);
    const stop = onNetworkChange(callback);
    return () => {
      removeEventListener('online', callback);
      stop();
    };
  },
};

// From Wi-Fi to mobile and back; only some browsers say which it is. The event comes for much less.
function onNetworkChange(callback: () => void): () => void {
  const { connection } = navigator as { connection?: EventTarget & { type?: string } };
  if (connection === undefined) return () => undefined;
  let before = connection.type;
  const onChange = () => {
    const now = connection.type;
    if (now !== before && now !== 'none') callback();
    before = now;
  };
  connection.addEventListener('change', onChange);
  return () => connection.removeEventListener('change', onChange);
}

function openSocket(url: string, protocol: string, observer: SocketObserver): Socket {
  const socket = new WebSocket(url, protocol);
  let closed = false;
  socket.addEventListener('message', (event: MessageEvent<unknown>) => {
    if (!closed && typeof event.data === 'string') observer.onMessage(event.data);
  });
  socket.addEventListener('close', (event) => {
    if (!closed) observer.onClose(event.code);
    closed = true;
  });
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close(code) {
      closed = true;
      socket.close(code);
    },
  };
}
