import { useCallback, useEffect, useState, type FormEvent, type ReactNode } from 'react';
import type { Client } from '../aws/client.ts';
import { patternProblem } from '../told/pattern.ts';
import { Replay } from '../told/Replay.tsx';
import {
  addTarget,
  listTargets,
  removeTarget,
  rotateTarget,
  testTarget,
  type Target,
} from '../told/target.ts';
import { Confirm, CopyField, Field, Notice, Spinner } from '../ui/parts.tsx';
import { usePolled } from '../ui/usePolled.ts';

interface Props {
  client: Client;
  onError: (error: unknown) => string | undefined;
}

type Question = { kind: 'remove' | 'rotate' | 'replay'; name: string };
type Answer = { tone: 'error' | 'info'; text: string };

/** Whom events are told, and how that goes. */
export function TargetsPage({ client, onError }: Props) {
  const read = useCallback((signal: AbortSignal) => listTargets(client, signal), [client]);
  const { value: targets, problem: readProblem, reread } = usePolled(read);
  const [problem, setProblem] = useState<string>();
  const [isAdding, setAdding] = useState(false);
  const [question, setQuestion] = useState<Question>();
  const [answers, setAnswers] = useState<Record<string, Answer>>({});
  const [secret, setSecret] = useState<{ name: string; secret: string }>();

  useEffect(() => {
    document.title = 'Targets · Proscenium';
  }, []);
  useEffect(() => {
    setProblem(readProblem === undefined ? undefined : onError(readProblem));
  }, [readProblem, onError]);

  const tell = (name: string, tone: Answer['tone'], text: string) =>
    setAnswers((before) => ({ ...before, [name]: { tone, text } }));
  const attempt = async (name: string, work: () => Promise<void>) => {
    try {
      await work();
      reread();
    } catch (error) {
      tell(name, 'error', onError(error) ?? '');
    }
  };
  const test = (name: string) =>
    attempt(name, async () => {
      tell(name, 'info', 'Sending a test event…');
      const result = await testTarget(client, name);
      if (result.ok)
        tell(name, 'info', `The test event arrived in ${result.milliseconds ?? 0} ms.`);
      else
        tell(name, 'error', `The test event did not arrive: ${result.error ?? 'no reason given'}`);
    });
  const decide = (yes: boolean) => {
    setQuestion(undefined);
    if (!yes || question === undefined) return;
    const { kind, name } = question;
    void attempt(name, async () => {
      if (kind === 'rotate') setSecret({ name, secret: await rotateTarget(client, name) });
      if (kind === 'remove') await removeTarget(client, name);
    });
  };

  return (
    <main className="page">
      <div className="row">
        <h1>Targets</h1>
        <button type="button" className="button primary" onClick={() => setAdding(true)}>
          Add target
        </button>
      </div>
      <p className="hint">
        Whom this server tells what happens: each in order, and until it hears.
      </p>
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {secret === undefined ? null : (
        <section className="card part" aria-labelledby="secret">
          <h2 id="secret">Secret of {secret.name}</h2>
          <p>
            Keep it where the receiver checks signatures. It is shown only this once; one that there
            was before signs for another 24 hours.
          </p>
          <CopyField label="Secret" value={secret.secret} />
          <div className="row end">
            <button type="button" className="button" onClick={() => setSecret(undefined)}>
              I have kept it
            </button>
          </div>
        </section>
      )}
      {isAdding ? (
        <AddTarget
          client={client}
          onError={onError}
          onClose={(added) => {
            setAdding(false);
            if (added === undefined) return;
            reread();
            if (added.secret !== undefined) setSecret({ name: added.name, secret: added.secret });
          }}
        />
      ) : null}
      {targets === undefined && problem === undefined ? <Spinner label="Loading targets…" /> : null}
      {targets?.length === 0 ? (
        <div className="empty card">
          <h2>No targets yet</h2>
          <p>Add a webhook, a queue or another receiver, and it is told what happens on stages.</p>
        </div>
      ) : null}
      {targets?.map((target) => (
        <TargetCard
          key={target.name}
          target={target}
          answer={answers[target.name]}
          onTest={() => void test(target.name)}
          onAsk={(kind) => setQuestion({ kind, name: target.name })}
        />
      ))}
      {question?.kind === 'remove' ? (
        <Confirm
          title={`Remove ${question.name}?`}
          text="It is told nothing more, not even what is still waiting for it."
          action="Remove"
          onAnswer={decide}
        />
      ) : null}
      {question?.kind === 'rotate' ? (
        <Confirm
          title={`A new secret for ${question.name}?`}
          text="Both secrets sign for 24 hours, then only the new one."
          action="Make a new secret"
          onAnswer={decide}
        />
      ) : null}
      {question?.kind === 'replay' ? (
        <Replay
          client={client}
          name={question.name}
          onError={onError}
          onClose={(words) => {
            setQuestion(undefined);
            if (words === undefined) return;
            tell(question.name, 'info', words);
            reread();
          }}
        />
      ) : null}
    </main>
  );
}

const kinds: Record<string, string> = {
  webhook: 'Webhook',
  eventbridge: 'EventBridge',
  sqs: 'SQS queue',
  nats: 'NATS subject',
  stdout: 'Standard output',
};

const states = { on: 'On', retrying: 'Trying again', off: 'Off' };

const timeWords = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

function TargetCard(props: {
  target: Target;
  answer: Answer | undefined;
  onTest: () => void;
  onAsk: (kind: Question['kind']) => void;
}) {
  const { target, answer, onTest, onAsk } = props;
  const time = (at: string | undefined) =>
    at === undefined ? 'Never' : timeWords.format(Date.parse(at));
  const where = [target.url, target.bus, target.subject].filter(Boolean).join(' · ');
  return (
    <section className="card target" aria-label={target.name}>
      <div className="row">
        <div className="grow">
          <h2>{target.name}</h2>
          <p className="muted target-where">
            {kinds[target.kind] ?? target.kind}
            {where === '' ? '' : ` · ${where}`}
          </p>
        </div>
        <span className="state" data-state={target.state}>
          {states[target.state] ?? target.state}
        </span>
      </div>
      <dl className="facts">
        <Fact name="Last delivery">{time(target.lastDeliveredAt)}</Fact>
        <Fact name="Delivered">{target.delivered}</Fact>
        <Fact name="Waiting">{target.behind}</Fact>
        <Fact name="Failed attempts">{target.failed}</Fact>
        {target.dropped === 0 ? null : <Fact name="Forgotten untold">{target.dropped}</Fact>}
        {target.pattern === undefined ? null : (
          <Fact name="Pattern">
            <code>{JSON.stringify(target.pattern)}</code>
          </Fact>
        )}
      </dl>
      {target.why ? <Notice tone="error">{`Off: ${target.why}`}</Notice> : null}
      {target.lastError ? (
        <p className="hint target-error">
          Last failure {time(target.lastErrorAt)}: {target.lastError}
        </p>
      ) : null}
      {answer === undefined ? null : <Notice tone={answer.tone}>{answer.text}</Notice>}
      <div className="row">
        <button type="button" className="button" onClick={onTest}>
          Send test event
        </button>
        <button type="button" className="button" onClick={() => onAsk('replay')}>
          Replay…
        </button>
        {target.kind === 'webhook' && !target.declared ? (
          <button type="button" className="button quiet" onClick={() => onAsk('rotate')}>
            New secret
          </button>
        ) : null}
        <span className="grow" />
        {target.declared ? (
          <span className="hint">Declared by the configuration</span>
        ) : (
          <button type="button" className="button quiet" onClick={() => onAsk('remove')}>
            Remove
          </button>
        )}
      </div>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface Setting {
  name: string;
  label: string;
  isOptional?: boolean;
  isSecret?: boolean;
  placeholder?: string;
}

const webAddress = { name: 'url', label: 'URL', placeholder: 'https://' };
const access: Setting[] = [
  { name: 'region', label: 'Region', placeholder: 'us-east-1' },
  { name: 'accessKeyId', label: 'Access key ID' },
  { name: 'secretAccessKey', label: 'Secret access key', isSecret: true },
];
const settings: Record<string, Setting[]> = {
  webhook: [webAddress],
  eventbridge: [
    { ...webAddress, label: 'Endpoint', isOptional: true, placeholder: "The region's own" },
    { name: 'bus', label: 'Event bus', isOptional: true, placeholder: 'default' },
    ...access,
  ],
  sqs: [{ ...webAddress, label: 'URL of the queue' }, ...access],
  nats: [
    { name: 'url', label: 'URL', isOptional: true, placeholder: "This server's own" },
    { name: 'subject', label: 'Subject', placeholder: 'stage.events' },
    { name: 'token', label: 'Token', isOptional: true, isSecret: true },
  ],
  stdout: [],
};

function AddTarget(
  props: Props & { onClose: (added?: { name: string; secret?: string }) => void },
) {
  const { client, onError, onClose } = props;
  const [kind, setKind] = useState('webhook');
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = [...form.entries()]
      .map(([name, value]) => [name, String(value).trim()] as const)
      .filter(([name, value]) => value !== '' && name !== 'pattern');
    const pattern = String(form.get('pattern') ?? '').trim();
    const wrong = patternProblem(pattern);
    if (wrong !== undefined) {
      setProblem(wrong);
      return;
    }
    const input = {
      ...Object.fromEntries(given),
      ...(pattern === '' ? {} : { pattern: JSON.parse(pattern) as object }),
    };
    setBusy(true);
    try {
      const secret = await addTarget(client, input);
      const name = String(form.get('name'));
      onClose(secret ? { name, secret } : { name });
    } catch (error) {
      setProblem(onError(error));
      setBusy(false);
    }
  };

  return (
    <form className="card part" aria-label="New target" onSubmit={(event) => void submit(event)}>
      <h2>New target</h2>
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      <div className="filter-fields">
        <Field label="Kind">
          {(id) => (
            <select
              id={id}
              name="kind"
              value={kind}
              onChange={(event) => setKind(event.currentTarget.value)}
            >
              {Object.entries(kinds).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Name">
          {(id) => (
            <input
              id={id}
              name="name"
              required
              autoFocus
              maxLength={63}
              pattern="[a-z0-9][a-z0-9\-]*"
              title="Small letters, digits and -"
              placeholder="Small letters, digits and -"
              autoCapitalize="off"
              spellCheck={false}
            />
          )}
        </Field>
        {settings[kind]?.map((setting) => (
          <Field key={kind + setting.name} label={setting.label}>
            {(id) => (
              <input
                id={id}
                name={setting.name}
                type={setting.isSecret === true ? 'password' : 'text'}
                required={setting.isOptional !== true}
                placeholder={setting.placeholder ?? ''}
                autoComplete="off"
                autoCapitalize="off"
                spellCheck={false}
              />
            )}
          </Field>
        ))}
        <Field label="Form">
          {(id) => (
            <select id={id} name="envelope">
              <option value="">EventBridge</option>
              <option value="cloudevents">EventBridge in CloudEvents</option>
            </select>
          )}
        </Field>
        <Field label="Event pattern" hint="Empty for every event.">
          {(id) => (
            <input
              id={id}
              name="pattern"
              spellCheck={false}
              placeholder='{"detail":{"event_name":[{"prefix":"Participant"}]}}'
            />
          )}
        </Field>
      </div>
      <div className="row end">
        <button type="button" className="button" onClick={() => onClose()}>
          Cancel
        </button>
        <button className="button primary" disabled={isBusy}>
          Add
        </button>
      </div>
    </form>
  );
}
