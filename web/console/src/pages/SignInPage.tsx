import { useState, type FormEvent } from 'react';
import { Client } from '../aws/client.ts';
import { explain } from '../aws/explain.ts';
import { signingKeys } from '../aws/session.ts';
import type { SigningKeys } from '../aws/sigv4.ts';
import { Logo } from '../ui/icons.tsx';
import { Field, Notice } from '../ui/parts.tsx';

/** Asks for an access key and tries it; what is kept afterwards is told by signingKeys. */
export function SignInPage({ onSignIn }: { onSignIn: (keys: SigningKeys) => void }) {
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const value = (name: string) => String(form.get(name) ?? '').trim();
    setBusy(true);
    setProblem(undefined);
    try {
      const keys = signingKeys({
        accessKeyId: value('username'),
        secretAccessKey: value('password'),
        region: value('region'),
      });
      await new Client(keys).listStages();
      onSignIn(keys);
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };

  return (
    <main className="center">
      <form className="card sign-in" onSubmit={(event) => void submit(event)}>
        <div className="sign-in-head">
          <Logo />
          <h1>Proscenium</h1>
        </div>
        {problem === undefined ? null : <Notice tone="error">{problem}</Notice>}
        <Field label="Access key ID">
          {(id) => (
            <input
              id={id}
              name="username"
              required
              autoFocus
              autoComplete="username"
              autoCapitalize="off"
              spellCheck={false}
            />
          )}
        </Field>
        <Field label="Secret access key">
          {(id) => (
            <input
              id={id}
              name="password"
              type="password"
              required
              autoComplete="current-password"
            />
          )}
        </Field>
        <Field label="Region">
          {(id) => (
            <input
              id={id}
              name="region"
              required
              defaultValue="us-east-1"
              autoCapitalize="off"
              spellCheck={false}
            />
          )}
        </Field>
        <button className="button primary wide" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
        <p className="hint">
          The server prints where its access key comes from when it starts. The secret is not kept:
          this tab keeps signing keys for a day, until it is closed.
        </p>
        <p className="hint">
          <a href="/console/licenses.txt">Licences of what is inside</a>
        </p>
      </form>
    </main>
  );
}
