import { useEffect } from 'react';
import { Room } from '../room/Room.tsx';
import { Logo } from '../ui/icons.tsx';

/** The page behind a host link: camera and microphone, without signing in. */
export function JoinPage({ token }: { token: string }) {
  useEffect(() => {
    document.title = 'Join · Proscenium';
  }, []);
  return (
    <>
      <header className="bar">
        <Logo />
        <span className="brand">Proscenium</span>
      </header>
      <main className="page">
        <h1>Join the stage</h1>
        <Room key={token} asksName={false} getToken={() => Promise.resolve(token)} />
      </main>
    </>
  );
}
