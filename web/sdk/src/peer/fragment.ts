// The part of a session description that an ICE restart changes: RFC 8840 and RFC 9725 4.3.3.

/** What of an offer tells a server about a restart: the new credentials, and where they belong. */
export function fragmentOf(offer: string): string {
  const lines = offer.split(/\r?\n/);
  const first = (prefix: string) => lines.find((line) => line.startsWith(prefix));
  return [first('m='), first('a=mid:'), first('a=ice-ufrag:'), first('a=ice-pwd:')]
    .filter((line) => line !== undefined)
    .map((line) => `${line}\r\n`)
    .join('');
}

/** The answer as it reads after the restart that the server's fragment tells of. */
export function withFragment(answer: string, fragment: string): string {
  const told = fragment.split(/\r?\n/);
  const fresh = (prefix: string) => told.find((line) => line.startsWith(prefix));
  const ufrag = fresh('a=ice-ufrag:');
  const pwd = fresh('a=ice-pwd:');
  if (ufrag === undefined || pwd === undefined) throw new Error('The fragment has no credentials');
  const candidates = told.filter((line) => line.startsWith('a=candidate:'));
  const kept = answer
    .split('\r\n')
    .filter((line) => candidates.length === 0 || !line.startsWith('a=candidate:'));
  let isPlaced = candidates.length === 0;
  return kept
    .flatMap((line) => {
      if (line.startsWith('a=ice-ufrag:')) return [ufrag];
      if (!line.startsWith('a=ice-pwd:')) return [line];
      // All media share the path of the first.
      if (isPlaced) return [pwd];
      isPlaced = true;
      return [pwd, ...candidates];
    })
    .join('\r\n');
}
