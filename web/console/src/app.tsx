import { useCallback, useMemo, useState } from 'react';
import { Client } from './aws/client.ts';
import { explain, isSignedOut } from './aws/explain.ts';
import { forget, recall, remember } from './aws/session.ts';
import type { SigningKeys } from './aws/sigv4.ts';
import { EventsPage } from './pages/EventsPage.tsx';
import { JoinPage } from './pages/JoinPage.tsx';
import { ResourcesPage } from './pages/ResourcesPage.tsx';
import { SignInPage } from './pages/SignInPage.tsx';
import { StagePage } from './pages/StagePage.tsx';
import { StagesPage } from './pages/StagesPage.tsx';
import { TargetsPage } from './pages/TargetsPage.tsx';
import { WatchPage } from './pages/WatchPage.tsx';
import { LeaveIcon, Logo } from './ui/icons.tsx';
import { Link, useHash, useRoute } from './ui/route.tsx';

/** Guests come with a token behind the #; everybody else signs in. */
export function App() {
  const hash = useHash();
  const route = useRoute();
  if (route === '/watch') return <WatchPage key={hash} token={hash} />;
  if (route === '/join') return <JoinPage key={hash} token={hash} />;
  return <Console route={route} />;
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
  return (
    <>
      <header className="bar">
        <Link className="home" to="/">
          <Logo />
          <span className="brand">Proscenium</span>
        </Link>
        <nav aria-label="Pages">
          {pages.map(({ to, name, isOf }) => (
            <Link key={to} to={to} aria-current={isOf.test(route) ? 'page' : undefined}>
              {name}
            </Link>
          ))}
        </nav>
        <span className="grow" />
        <span className="who">
          {keys.accessKeyId} · {keys.region}
        </span>
        <button
          type="button"
          className="button quiet"
          aria-label="Sign out"
          title="Sign out"
          onClick={signOut}
        >
          <LeaveIcon />
          <span className="label">Sign out</span>
        </button>
      </header>
      <Page route={route} client={client} onError={onError} />
    </>
  );
}

const pages = [
  { to: '/', name: 'Stages', isOf: /^\/(stages.*)?$/ },
  { to: '/events', name: 'Events', isOf: /^\/events$/ },
  { to: '/targets', name: 'Targets', isOf: /^\/targets$/ },
  { to: '/resources', name: 'Resources', isOf: /^\/resources/ },
];

interface PageProps {
  route: string;
  client: Client;
  onError: (error: unknown) => string | undefined;
}

const stageRoute = /^\/stages\/(\w+)(?:\/sessions\/([\w-]+)(?:\/participants\/([\w-]+))?)?$/;

function Page({ route, client, onError }: PageProps) {
  if (route === '/events') return <EventsPage client={client} onError={onError} />;
  if (route === '/targets') return <TargetsPage client={client} onError={onError} />;
  const [, resources] = /^\/resources(?:\/([a-z-]+))?$/.exec(route) ?? [];
  if (route.startsWith('/resources')) {
    return <ResourcesPage path={resources ?? ''} client={client} onError={onError} />;
  }
  const [, stage, session, participant] = stageRoute.exec(route) ?? [];
  if (stage === undefined) return <StagesPage client={client} onError={onError} />;
  return (
    <StagePage
      key={stage}
      id={stage}
      sessionId={session}
      participantId={participant}
      client={client}
      onError={onError}
    />
  );
}
