type Callback = (...args: never[]) => unknown;

interface Listener {
  callback: Callback;
  context: unknown;
  once: boolean;
}

/**
 * Emitter calls listeners by event name. Besides the names of its map it takes any other name, for
 * classes that add events of their own. A listener that throws disturbs neither the emitter nor
 * the other listeners: what it threw is reported as an uncaught error.
 */
export class Emitter<Events extends object> {
  #listeners = new Map<PropertyKey, Listener[]>();

  on<E extends keyof Events>(event: E, callback: Events[E], context?: unknown): void;
  on(event: string, callback: (...args: never[]) => unknown, context?: unknown): void;
  on(event: PropertyKey, callback: unknown, context?: unknown): void {
    this.#add(event, callback as Callback, context, false);
  }

  once<E extends keyof Events>(event: E, callback: Events[E], context?: unknown): void;
  once(event: string, callback: (...args: never[]) => unknown, context?: unknown): void;
  once(event: PropertyKey, callback: unknown, context?: unknown): void {
    this.#add(event, callback as Callback, context, true);
  }

  off<E extends keyof Events>(event: E, callback: Events[E], context?: unknown): void;
  off(event: string, callback: (...args: never[]) => unknown, context?: unknown): void;
  off(event: PropertyKey, callback: unknown, context?: unknown): void {
    this.#remove(
      event,
      (l) => l.callback === callback && (context === undefined || l.context === context),
    );
  }

  emit(event: PropertyKey, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      if (listener.once) this.#remove(event, (l) => l === listener);
      try {
        listener.callback.apply(listener.context, args as never[]);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }

  hasListenersFor(event: keyof Events | string): boolean {
    return (this.#listeners.get(event) ?? []).length > 0;
  }

  removeAllListeners(event?: keyof Events | string): void {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
  }

  #add(event: PropertyKey, callback: Callback, context: unknown, once: boolean): void {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...listeners, { callback, context, once }]);
  }

  #remove(event: PropertyKey, matches: (l: Listener) => boolean): void {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(
      event,
      listeners.filter((l) => !matches(l)),
    );
  }
}
