/** One event of a stream of server-sent events. */
export interface Sent {
  id: string | undefined;
  data: string;
}

/**
 * Reads server-sent events, as the HTML standard says, of what the console's server sends: comments
 * and fields other than id and data mean nothing here.
 */
export async function readEvents(
  stream: ReadableStream<Uint8Array>,
  onEvent: (event: Sent) => void,
): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let id: string | undefined;
  let data: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) onEvent({ id, data: data.join('\n') });
        data = [];
        continue;
      }
      const [, name, text = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (name === 'data') data.push(text);
      else if (name === 'id') id = text;
    }
  }
}
