/** Something that the API keeps, as its lists tell it. */
export type Resource = Record<string, unknown> & { arn: string };

/** A kind of resource: what its operations are called, and what a list shows of it. */
export interface Kind {
  /** Where the console shows it. */
  path: string;
  title: string;
  /** One of them, in a sentence. */
  one: string;
  /** What it is for. */
  about: string;
  list: { operation: string; member: string };
  get: { operation: string; member: string };
  /** What ends it: deleting, or stopping. */
  end: { operation: string; word: string; text: string };
  /** What stands beside the name, in a few words. */
  facts: (resource: Resource) => string[];
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** The operations of most kinds are called alike. */
function kind(
  path: string,
  name: string,
  more: Pick<Kind, 'title' | 'one' | 'about'> & Partial<Kind>,
): Kind {
  const member = name.charAt(0).toLowerCase() + name.slice(1);
  return {
    path,
    list: { operation: `List${name}s`, member: `${member}s` },
    get: { operation: `Get${name}`, member },
    end: { operation: `Delete${name}`, word: 'Delete', text: 'This cannot be undone.' },
    facts: () => [],
    ...more,
  };
}

export const kinds: readonly Kind[] = [
  kind('public-keys', 'PublicKey', {
    title: 'Public keys',
    one: 'public key',
    about: 'What the tokens that your own servers sign are checked with.',
    end: {
      operation: 'DeletePublicKey',
      word: 'Delete',
      text: 'Tokens that were signed with it let nobody in any more. This cannot be undone.',
    },
  }),
  kind('encoder-configurations', 'EncoderConfiguration', {
    title: 'Encoders',
    one: 'encoder configuration',
    about: 'Size, frame rate and bitrate of the picture that a composition makes.',
  }),
  kind('storage-configurations', 'StorageConfiguration', {
    title: 'Storage',
    one: 'storage configuration',
    about: 'Where recordings are kept.',
    facts: ({ s3 }) => [text((s3 as { bucketName?: string } | undefined)?.bucketName)],
  }),
  kind('ingest-configurations', 'IngestConfiguration', {
    title: 'Ingest',
    one: 'ingest configuration',
    about: 'Stream keys with which an encoder comes on a stage.',
    facts: ({ ingestProtocol, state, userId }) => [
      text(ingestProtocol),
      text(state).toLowerCase(),
      text(userId),
    ],
  }),
  kind('compositions', 'Composition', {
    title: 'Compositions',
    one: 'composition',
    about: 'One picture made of a stage, for a channel or a recording.',
    end: { operation: 'StopComposition', word: 'Stop', text: 'Its channel and recording end.' },
    facts: ({ state }) => [text(state).toLowerCase()],
  }),
  kind('channels', 'Channel', {
    title: 'Channels',
    one: 'channel',
    about: 'Where compositions are played to audiences of any size.',
    facts: ({ type, latencyMode }) => [text(type), text(latencyMode).toLowerCase()],
  }),
];
