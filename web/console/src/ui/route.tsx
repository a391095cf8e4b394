import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react';

/** Under which the console is served. */
const base = '/console';

const listeners = new Set<() => void>();

/** Where the console is: the path below its own, as in /stages/abc. Changes as one moves. */
export function useRoute(): string {
  return useSyncExternalStore(subscribe, route);
}

/** What stands behind the #. */
export function useHash(): string {
  return useSyncExternalStore(subscribe, () => location.hash.slice(1));
}

/** Goes to a page of the console. With `replace`, going back leads past the page that one leaves. */
export function navigate(to: string, { replace = false } = {}): void {
  if (to === route()) return;
  if (replace) {
    history.replaceState(null, '', base + to);
  } else {
    history.pushState(null, '', base + to);
    scrollTo(0, 0);
  }
  for (const listener of listeners) listener();
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: string;
  replace?: boolean;
}

/** A link within the console, which does not load the page anew. */
export function Link({ to, replace = false, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    const wantsOther = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.button !== 0 || wantsOther) return;
    event.preventDefault();
    navigate(to, { replace });
  };
  return <a {...rest} href={base + to} onClick={follow} />;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('popstate', listener);
  addEventListener('hashchange', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('popstate', listener);
    removeEventListener('hashchange', listener);
  };
}

function route(): string {
  return location.pathname.slice(base.length).replace(/\/+$/, '') || '/';
}
