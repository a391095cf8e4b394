/** The simple way to say which events are wanted. Empty fields want any. */
export interface Fields {
  name: string;
  stageArn: string;
  participant: string;
}

/** The names of events, in the order in which people look for them. */
export const eventNames = [
  'Participant Published',
  'Participant Unpublished',
  'Participant Publish Error',
  'Participant Replication Start',
  'Participant Replication End',
  'Token Exchanged',
  'Recording Start',
  'Recording End',
  'Recording Start Failure',
  'Recording End Failure',
  'Session Start',
  'Session End',
  'Session Failure',
  'Destination Start',
  'Destination End',
  'Destination Failure',
  'Destination Reconnecting',
];

/** The event pattern that the fields stand for; empty when any event is wanted. */
export function patternOf(fields: Fields): string {
  const detail = {
    ...(fields.name === '' ? {} : { event_name: [fields.name] }),
    ...(fields.participant === '' ? {} : { participant_id: [fields.participant] }),
  };
  const pattern = {
    ...(fields.stageArn === '' ? {} : { resources: [fields.stageArn] }),
    ...(Object.keys(detail).length === 0 ? {} : { detail }),
  };
  return Object.keys(pattern).length === 0 ? '' : JSON.stringify(pattern);
}

/** What is wrong with a pattern as far as it can be told here; the server knows the rest. */
export function patternProblem(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? undefined : 'A pattern is a JSON object.';
  } catch {
    return 'This is not JSON.';
  }
}
