import type { Stage } from '../aws/client.ts';

/** The last part of a stage's ARN. */
export function stageId(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

export function stageName(stage: Stage): string {
  return stage.name || stageId(stage.arn);
}

/** Where the console shows a stage. */
export function stagePath(id: string): string {
  return `/stages/${id}`;
}

/** Where the console shows a session of a stage, or somebody in it. */
export function sessionPath(stage: string, session: string, participant?: string): string {
  const path = `${stagePath(stage)}/sessions/${session}`;
  return participant === undefined ? path : `${path}/participants/${participant}`;
}

/** A link that works without signing in. The token is in the fragment, which browsers never send. */
export function guestLink(page: 'watch' | 'join', token: string): string {
  return `${location.origin}/console/${page}#${token}`;
}
