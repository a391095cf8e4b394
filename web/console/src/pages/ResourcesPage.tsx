import { useCallback, useEffect, useState, type FormEvent } from 'react';
import type { Client } from '../aws/client.ts';
import { kinds, type Kind, type Resource } from '../resources/kinds.ts';
import { TrashIcon } from '../ui/icons.tsx';
import { Confirm, CopyButton, Field, Notice, Spinner } from '../ui/parts.tsx';
import { Link } from '../ui/route.tsx';

interface Props {
  client: Client;
  onError: (error: unknown) => string | undefined;
}

/** What else the API keeps, a page for each kind. */
export function ResourcesPage({ path, client, onError }: Props & { path: string }) {
  const kind = kinds.find((each) => each.path === path) ?? kinds[0];
  if (kind === undefined) return null;
  return (
    <main className="page">
      <h1>Resources</h1>
      <nav className="tabs" aria-label="Kinds of resources">
        {kinds.map((each) => (
          <Link
            key={each.path}
            to={`/resources/${each.path}`}
            aria-current={each === kind ? 'page' : undefined}
          >
            {each.title}
          </Link>
        ))}
      </nav>
      <ResourceList key={kind.path} kind={kind} client={client} onError={onError} />
    </main>
  );
}

function ResourceList({ kind, client, onError }: Props & { kind: Kind }) {
  const [items, setItems] = useState<Resource[]>();
  const [nextToken, setNextToken] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [doomed, setDoomed] = useState<Resource>();

  const attempt = useCallback(
    async (work: () => Promise<void>) => {
      try {
        await work();
        setProblem(undefined);
        return true;
      } catch (error) {
        setProblem(onError(error));
        return false;
      }
    },
    [onError],
  );
  const load = useCallback(
    (after?: string) =>
      attempt(async () => {
        const page = await client.list(kind.list.operation, after);
        const found = (page[kind.list.member] ?? []) as Resource[];
        setItems((before) => (after === undefined ? found : [...(before ?? []), ...found]));
        setNextToken((page['nextToken'] ?? undefined) as string | undefined);
      }),
    [attempt, client, kind],
  );
  useEffect(() => {
    document.title = `${kind.title} · Proscenium`;
    void load();
  }, [kind, load]);

  const end = (resource: Resource) =>
    attempt(async () => {
      await client.operate(kind.end.operation, { arn: resource.arn });
      // What is stopped stays in the list, and tells so.
      if (kind.end.word === 'Delete') {
        setItems((before) => before?.filter(({ arn }) => arn !== resource.arn));
      } else {
        await load();
      }
    });

  return (
    <>
      <p className="hint">{kind.about}</p>
      {kind.path === 'public-keys' ? (
        <ImportKey
          onImport={(input) =>
            attempt(async () => {
              await client.operate('ImportPublicKey', input);
              await load();
            })
          }
        />
      ) : null}
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {items === undefined && problem === undefined ? <Spinner label="Loading…" /> : null}
      {items?.length === 0 ? <p className="empty card">There is no {kind.one} yet.</p> : null}
      {items === undefined || items.length === 0 ? null : (
        <ul className="resources card">
          {items.map((item) => (
            <Row
              key={item.arn}
              kind={kind}
              item={item}
              client={client}
              onError={onError}
              onEnd={() => setDoomed(item)}
            />
          ))}
        </ul>
      )}
      {nextToken === undefined ? null : (
        <button type="button" className="button" onClick={() => void load(nextToken)}>
          Show more
        </button>
      )}
      {doomed === undefined ? null : (
        <Confirm
          title={`${kind.end.word} ${nameOf(doomed)}?`}
          text={kind.end.text}
          action={kind.end.word}
          onAnswer={(yes) => {
            setDoomed(undefined);
            if (yes) void end(doomed);
          }}
        />
      )}
    </>
  );
}

function Row(props: Props & { kind: Kind; item: Resource; onEnd: () => void }) {
  const { kind, item, client, onError, onEnd } = props;
  const [isOpen, setOpen] = useState(false);
  const [whole, setWhole] = useState<unknown>();
  const [problem, setProblem] = useState<string>();
  const name = nameOf(item);

  useEffect(() => {
    if (!isOpen) return undefined;
    const ended = new AbortController();
    client.operate(kind.get.operation, { arn: item.arn }, ended.signal).then(
      (answer) => setWhole(answer[kind.get.member]),
      (error: unknown) => {
        if (!ended.signal.aborted) setProblem(onError(error));
      },
    );
    return () => ended.abort();
  }, [isOpen, client, kind, item.arn, onError]);

  return (
    <li>
      <div className="resource">
        <button
          type="button"
          className="feed-name"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {name}
        </button>
        <span className="muted grow">{kind.facts(item).filter(Boolean).join(' · ')}</span>
        <button
          type="button"
          className="icon-button"
          aria-label={`${kind.end.word} ${name}`}
          title={kind.end.word}
          onClick={onEnd}
        >
          <TrashIcon />
        </button>
      </div>
      {isOpen ? (
        <div className="feed-body">
          {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
          {whole === undefined ? null : (
            <>
              <pre tabIndex={0}>{JSON.stringify(whole, null, 2)}</pre>
              <div className="row">
                <CopyButton value={JSON.stringify(whole, null, 2)} />
              </div>
            </>
          )}
        </div>
      ) : null}
    </li>
  );
}

function ImportKey({ onImport }: { onImport: (input: object) => Promise<boolean> }) {
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const name = String(form.get('name') ?? '').trim();
    // The key ends with a line break, as files do.
    const publicKeyMaterial = `${String(form.get('material') ?? '').trim()}\n`;
    const isDone = await onImport({ publicKeyMaterial, ...(name === '' ? {} : { name }) });
    if (isDone) element.reset();
  };
  return (
    <details className="card">
      <summary>Import a public key</summary>
      <form className="part" aria-label="New public key" onSubmit={(event) => void submit(event)}>
        <Field label="Name">
          {(id) => (
            <input
              id={id}
              name="name"
              maxLength={128}
              pattern="[a-zA-Z0-9_\-]*"
              title="Letters, digits, - and _"
              placeholder="Letters, digits, - and _"
            />
          )}
        </Field>
        <Field label="Key" hint="ECDSA with P-384, as openssl ec -pubout writes it.">
          {(id) => (
            <textarea
              id={id}
              name="material"
              rows={5}
              required
              spellCheck={false}
              placeholder="-----BEGIN PUBLIC KEY-----"
            />
          )}
        </Field>
        <div className="row end">
          <button className="button primary">Import</button>
        </div>
      </form>
    </details>
  );
}

function nameOf(resource: Resource): string {
  const { name, arn } = resource;
  return typeof name === 'string' && name !== '' ? name : arn.slice(arn.lastIndexOf('/') + 1);
}
