import { StageConnectionState, StageLeftReason } from '@proscenium/web';
import { useEffect, useState } from 'react';
import { RoomModel } from '../room/model.ts';
import { Connection, useHiding, useLeaveOnClose, useRoomState } from '../room/Room.tsx';
import { Tile } from '../room/Tile.tsx';
import { errorWords, leftWords, mayRetry } from '../room/words.ts';
import { Logo, SoundIcon } from '../ui/icons.tsx';

/** The page behind a viewer link: it plays at once, and needs nothing but the link. */
export function WatchPage({ token }: { token: string }) {
  const [turn, setTurn] = useState(0);
  const [model, setModel] = useState<RoomModel>();
  const [isBroken, setBroken] = useState(false);
  const [isSilent, setSilent] = useState(false);
  const state = useRoomState(model);

  useEffect(() => {
    document.title = 'Watch · Proscenium';
    let next: RoomModel;
    try {
      next = new RoomModel(token);
    } catch {
      setBroken(true);
      return;
    }
    setBroken(false);
    setModel(next);
    void next.join();
    return () => next.leave();
  }, [token, turn]);
  useLeaveOnClose(model);
  useHiding(model);

  const people = state?.people.filter((person) => !person.isLocal) ?? [];
  const end = isBroken ? brokenLink : endOf(state);
  return (
    <div className="watch">
      <header className="watch-bar">
        <Logo />
        <span className="brand">Proscenium</span>
        {state === undefined ? null : <Connection state={state} />}
      </header>
      <main className="grid" data-count={people.length}>
        {people.map((person) => (
          <Tile
            key={person.id}
            person={person}
            silent={isSilent}
            metered={false}
            onBlocked={() => setSilent(true)}
            onPrefer={(layer) => model?.prefer(person.id, layer)}
          />
        ))}
        {people.length === 0 ? (
          <div className="watch-message" role="status">
            {end === undefined ? (
              <Waiting isConnected={state?.connection === StageConnectionState.CONNECTED} />
            ) : (
              <>
                <h1>{end.title}</h1>
                <p>{end.text}</p>
                {end.mayRetry ? (
                  <button
                    type="button"
                    className="button primary"
                    onClick={() => setTurn((n) => n + 1)}
                  >
                    Try again
                  </button>
                ) : null}
              </>
            )}
          </div>
        ) : null}
      </main>
      {isSilent && people.length > 0 ? (
        <button type="button" className="button primary sound" onClick={() => setSilent(false)}>
          <SoundIcon />
          Tap for sound
        </button>
      ) : null}
    </div>
  );
}

function Waiting({ isConnected }: { isConnected: boolean }) {
  return isConnected ? (
    <>
      <h1>Nobody is on stage yet</h1>
      <p>It starts here by itself as soon as somebody is.</p>
    </>
  ) : (
    <p>Connecting…</p>
  );
}

interface End {
  title: string;
  text: string;
  mayRetry: boolean;
}

const brokenLink: End = {
  title: 'This link does not work',
  text: 'It is not complete. Copy all of it, or ask for a new one.',
  mayRetry: false,
};

function endOf(state: ReturnType<typeof useRoomState>): End | undefined {
  if (state === undefined) return undefined;
  if (state.left !== undefined) {
    const final = [StageLeftReason.STAGE_DELETED, StageLeftReason.PARTICIPANT_DISCONNECTED];
    return { ...leftWords(state.left), mayRetry: !final.includes(state.left) };
  }
  if (state.error === undefined || state.hasJoined) return undefined;
  return {
    title: 'This does not play',
    text: errorWords(state.error),
    mayRetry: mayRetry(state.error),
  };
}
