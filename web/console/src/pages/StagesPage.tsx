import { useCallback, useEffect, useState, type FormEvent } from 'react';
import type { Client, Stage } from '../aws/client.ts';
import { TrashIcon } from '../ui/icons.tsx';
import { Confirm, Notice, Spinner } from '../ui/parts.tsx';
import { Link } from '../ui/route.tsx';
import { stageId, stageName, stagePath } from './stage.ts';

interface Props {
  client: Client;
  /** Explains an error, or signs out when that is what it means. */
  onError: (error: unknown) => string | undefined;
}

/** The stages of the account: create, open, delete. */
export function StagesPage({ client, onError }: Props) {
  const [stages, setStages] = useState<Stage[]>();
  const [nextToken, setNextToken] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [doomed, setDoomed] = useState<Stage>();
  const [isBusy, setBusy] = useState(false);

  const attempt = useCallback(
    async (work: () => Promise<void>) => {
      setBusy(true);
      try {
        await work();
        setProblem(undefined);
      } catch (error) {
        setProblem(onError(error));
      } finally {
        setBusy(false);
      }
    },
    [onError],
  );
  const load = useCallback(
    () =>
      attempt(async () => {
        const page = await client.listStages();
        setStages(page.stages);
        setNextToken(page.nextToken);
      }),
    [attempt, client],
  );
  useEffect(() => {
    document.title = 'Stages · Proscenium';
    void load();
  }, [load]);

  const loadMore = () =>
    attempt(async () => {
      const page = await client.listStages(nextToken);
      setStages((before) => [...(before ?? []), ...page.stages]);
      setNextToken(page.nextToken);
    });
  const create = async (name: string) => {
    let isCreated = false;
    await attempt(async () => {
      const stage = await client.createStage(name);
      setStages((before) => [stage, ...(before ?? [])]);
      isCreated = true;
    });
    return isCreated;
  };
  const remove = (stage: Stage) =>
    attempt(async () => {
      await client.deleteStage(stage.arn);
      setStages((before) => before?.filter((s) => s.arn !== stage.arn));
    });

  return (
    <main className="page">
      <div className="row">
        <h1>Stages</h1>
        <button
          type="button"
          className="button quiet"
          disabled={isBusy}
          onClick={() => void load()}
        >
          Refresh
        </button>
      </div>
      <CreateStage isBusy={isBusy} onCreate={create} />
      {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
      {stages === undefined && problem === undefined ? <Spinner label="Loading stages…" /> : null}
      {stages?.length === 0 ? (
        <div className="empty card">
          <h2>No stages yet</h2>
          <p>
            A stage is a room where people see and hear each other live. Create the first one above.
          </p>
        </div>
      ) : null}
      {stages !== undefined && stages.length > 0 ? (
        <ul className="links card">
          {stages.map((stage) => (
            <StageRow key={stage.arn} stage={stage} onDelete={() => setDoomed(stage)} />
          ))}
        </ul>
      ) : null}
      {nextToken === undefined ? null : (
        <button type="button" className="button" disabled={isBusy} onClick={() => void loadMore()}>
          Show more
        </button>
      )}
      {doomed === undefined ? null : (
        <Confirm
          title={`Delete ${stageName(doomed)}?`}
          text="Whoever is on it is disconnected, and its links stop working. This cannot be undone."
          action="Delete stage"
          onAnswer={(yes) => {
            setDoomed(undefined);
            if (yes) void remove(doomed);
          }}
        />
      )}
    </main>
  );
}

function CreateStage(props: { isBusy: boolean; onCreate: (name: string) => Promise<boolean> }) {
  const [name, setName] = useState('');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // Emptied at once, so that the next name may be typed meanwhile; given back when it failed.
    setName('');
    const isCreated = await props.onCreate(name.trim());
    if (!isCreated) setName((typed) => typed || name);
  };
  return (
    <form className="create" onSubmit={(event) => void submit(event)}>
      <input
        value={name}
        maxLength={128}
        pattern="[a-zA-Z0-9_\-]*"
        title="Letters, digits, - and _"
        placeholder="Name (letters, digits, - and _)"
        aria-label="Name of the new stage"
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <button className="button primary" disabled={props.isBusy}>
        Create stage
      </button>
    </form>
  );
}

function StageRow({ stage, onDelete }: { stage: Stage; onDelete: () => void }) {
  const name = stageName(stage);
  return (
    <li>
      <Link className="link-row" to={stagePath(stageId(stage.arn))}>
        <span className="link-name">{stage.name || 'Unnamed'}</span>
        <code>{stageId(stage.arn)}</code>
        {stage.activeSessionId ? <span className="live">Live</span> : null}
      </Link>
      <button
        type="button"
        className="icon-button"
        aria-label={`Delete ${name}`}
        title="Delete"
        onClick={onDelete}
      >
        <TrashIcon />
      </button>
    </li>
  );
}
