import type { Change, RemoteInfo } from './frames.js';

/** What a change of the roster means to the stage, in the order in which to tell it. */
export type RosterEvent =
  | { kind: 'joined'; info: RemoteInfo }
  | { kind: 'updated'; info: RemoteInfo }
  | { kind: 'left'; id: string };

/**
 * Roster remembers who publishes on the stage, besides oneself, and turns whole states and single
 * changes into the same three events.
 */
export class Roster {
  readonly #self: string;
  readonly #present = new Set<string>();

  constructor(self: string) {
    this.#self = self;
  }

  /** Takes a whole state: whoever is not in it has left. */
  replace(participants: RemoteInfo[]): RosterEvent[] {
    const now = new Set(participants.filter((p) => this.#counts(p)).map((p) => p.id));
    const left = [...this.#present].filter((id) => !now.has(id)).flatMap((id) => this.#leave(id));
    return [...left, ...participants.flatMap((p) => this.#see(p))];
  }

  /** Takes the changes of one update. */
  apply(changes: Change[]): RosterEvent[] {
    return changes.flatMap(({ op, participant }) =>
      op === 'leave' ? this.#leave(participant.id) : this.#see(participant),
    );
  }

  #counts(info: RemoteInfo): boolean {
    return info.isPublishing && info.id !== this.#self;
  }

  #see(info: RemoteInfo): RosterEvent[] {
    if (!this.#counts(info)) return this.#leave(info.id);
    const kind = this.#present.has(info.id) ? 'updated' : 'joined';
    this.#present.add(info.id);
    return [{ kind, info }];
  }

  #leave(id: string): RosterEvent[] {
    return this.#present.delete(id) ? [{ kind: 'left', id }] : [];
  }
}
