import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import type { Client } from '../aws/client.ts';
import { Field, Notice } from '../ui/parts.tsx';
import { listTargets, replayTarget, type Target } from './target.ts';

interface Props {
  client: Client;
  /** The target, if it is known already. */
  name?: string;
  /** The number of the first event to tell again, if it is known already. */
  seq?: number;
  onError: (error: unknown) => string | undefined;
  /** With what was done, or nothing when nothing was. */
  onClose: (done?: string) => void;
}

/** Asks to whom, or from when on, events are told again. */
export function Replay({ client, name, seq, onError, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const [targets, setTargets] = useState<Target[]>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    if (name !== undefined) return undefined;
    const ended = new AbortController();
    listTargets(client, ended.signal).then(setTargets, (error: unknown) => {
      if (!ended.signal.aborted) setProblem(onError(error));
    });
    return () => ended.abort();
  }, [client, name, onError]);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const target = name ?? String(form.get('target'));
    const from = new Date(String(form.get('from') ?? ''));
    setBusy(true);
    try {
      const point = seq === undefined ? { from: from.toISOString() } : { after: seq - 1 };
      await replayTarget(client, target, point);
      onClose(`${target} is told everything again from there on.`);
    } catch (error) {
      setProblem(onError(error));
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={() => onClose()}>
      <form className="dialog-form" onSubmit={(event) => void submit(event)}>
        <h2 id={title}>{seq === undefined ? `Replay to ${name}` : `Replay from event ${seq}`}</h2>
        <p>
          The target is told that event and all after it once more, in order. It knows those that it
          has had by their ids.
        </p>
        {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
        {targets?.length === 0 ? (
          <Notice tone="info">There is no target yet. Add one on the page of targets.</Notice>
        ) : null}
        {name !== undefined ? null : (
          <Field label="Target">
            {(id) => (
              <select id={id} name="target" required>
                {targets?.map((target) => (
                  <option key={target.name}>{target.name}</option>
                ))}
              </select>
            )}
          </Field>
        )}
        {seq !== undefined ? null : (
          <Field label="From" hint="In the time of this device; events are kept for some days.">
            {(id) => <input id={id} name="from" type="datetime-local" step="1" required />}
          </Field>
        )}
        <div className="row end">
          <button type="button" className="button" onClick={() => onClose()}>
            Cancel
          </button>
          <button
            className="button primary"
            disabled={isBusy || (name === undefined && !targets?.length)}
          >
            Replay
          </button>
        </div>
      </form>
    </dialog>
  );
}
