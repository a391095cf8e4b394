import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { Client } from './aws/client.ts';
import { explain, isSignedOut } from './aws/explain.ts';
import { forget, recall, remember } from './aws/session.ts';
import type { SigningKeys } from './aws/sigv4.ts';
import { JoinPage } from './pages/JoinPage.tsx';
import { SignInPage } from './pages/SignInPage.tsx';
import { StagePage } from './pages/StagePage.tsx';
import { StagesPage } from './pages/StagesPage.tsx';
import { WatchPage } from './pages/WatchPage.tsx';
import { Logo } from './ui/icons.tsx';

/** Guests come with a token behind the #; everybody else signs in. */
export function App() {
  const hash = useHash();
  const page = location.pathname.replace(/\/+$/, '').split('/').pop();
  if (page === 'watch') return <WatchPage key={hash} token={hash} />;
  if (page === 'join') return <JoinPage key={hash} token={hash} />;
  return <Console route={hash} />;
}

function Console({ route }: { route: string }) {
  const [keys, setKeys] = useState<SigningKeys | undefined>(() => recall());
  const client = useMemo(() => (keys === undefined ? undefined : new Client(keys)), [keys]);

  const signIn = useCallback((next: SigningKeys) => {
    remember(next);
    setKeys(next);
  }, []);
  const signOut = useCallback(() => {
    forget();
    setKeys(undefined);
  }, []);
  const onError = useCallback(
    (error: unknown) => {
      if (isSignedOut(error) || recall() === undefined) signOut();
      return explain(error);
    },
    [signOut],
  );

  if (keys === undefined || client === undefined) return <SignInPage onSignIn={signIn} />;
  const arn = /^\/stages\/(.+)$/.exec(route)?.[1];
  return (
    <>
      <header className="bar">
        <a className="home" href="#/">
          <Logo />
          <span className="brand">Proscenium</span>
        </a>
        <span className="grow" />
        <span className="who">
          {keys.accessKeyId} · {keys.region}
        </span>
        <button type="button" className="button quiet" onClick={signOut}>
          Sign out
        </button>
      </header>
      {arn === undefined ? (
        <StagesPage client={client} onError={onError} />
      ) : (
        <StagePage key={arn} arn={decode(arn)} client={client} onError={onError} />
      )}
    </>
  );
}

function useHash(): string {
  return useSyncExternalStore(
    (listener) => {
      addEventListener('hashchange', listener);
      return () => removeEventListener('hashchange', listener);
    },
    () => location.hash.slice(1),
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
