import { useEffect, useState } from 'react';
import type { Client, Participant, SessionKey } from '../aws/client.ts';
import { Notice } from '../ui/parts.tsx';
import { nameOf } from './useHistory.ts';
import { dateWords } from './words.ts';

interface Props {
  client: Client;
  sessionKey: SessionKey;
  participantId: string;
  /** Changes when there is something new to read. */
  version: string;
  onClose: () => void;
  onError: (error: unknown) => string | undefined;
}

/** All that is known of one participant. */
export function Who({ client, sessionKey, participantId, version, onClose, onError }: Props) {
  const [who, setWho] = useState<Participant>();
  const [problem, setProblem] = useState<string>();
  const { stageArn, sessionId } = sessionKey;

  useEffect(() => {
    const ended = new AbortController();
    client.getParticipant({ stageArn, sessionId }, participantId, ended.signal).then(
      (found) => {
        setWho(found);
        setProblem(undefined);
      },
      (error: unknown) => {
        if (!ended.signal.aborted) setProblem(onError(error));
      },
    );
    return () => ended.abort();
  }, [client, stageArn, sessionId, participantId, version, onError]);

  return (
    <section className="card who-card" aria-labelledby="who">
      <div className="row">
        <h2 id="who" className="grow">
          {who === undefined ? participantId : nameOf(who)}
        </h2>
        <button type="button" className="button" onClick={onClose}>
          Show everybody
        </button>
      </div>
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {who === undefined ? null : (
        <dl className="facts">
          {factsOf(who).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

function factsOf(who: Participant): [string, string][] {
  const facts: [string, string | undefined][] = [
    ['Participant', who.participantId],
    ['User', who.userId],
    ['State', who.state === 'CONNECTED' ? 'Connected' : 'Disconnected'],
    ['First joined', who.firstJoinTime && dateWords(Date.parse(who.firstJoinTime))],
    ['Has published', who.published ? 'Yes' : 'No'],
    ['Protocol', known(who.protocol)],
    ['Browser', both(who.browserName, who.browserVersion)],
    ['System', both(who.osName, who.osVersion)],
    ['SDK', who.sdkVersion],
    ['Network', who.ispName],
    ['Recording', notOff(who.recordingState)],
    ['Recorded in', both(who.recordingS3BucketName, who.recordingS3Prefix, '/')],
    ['Replica', notOff(who.replicationType)],
    ['From stage', who.sourceStageArn],
    ['Ingest', who.ingestConfigurationArn],
    ...Object.entries(who.attributes ?? {}).map(([name, value]): [string, string] => [
      `Attribute ${name}`,
      value,
    ]),
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

const known = (text: string | undefined) => (text === 'UNKNOWN' ? undefined : text);
const notOff = (text: string | undefined) =>
  text === 'DISABLED' || text === 'NONE' ? undefined : text;
const both = (a: string | undefined, b: string | undefined, between = ' ') =>
  [a, b].filter(Boolean).join(between);
