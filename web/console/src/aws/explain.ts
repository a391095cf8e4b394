import { ApiError } from './client.ts';

/** Says in plain words what went wrong and, where that helps, what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) {
    return error instanceof Error ? error.message : 'Something went wrong.';
  }
  switch (error.kind) {
    case 'UnrecognizedClientException':
      return 'This access key ID is not known here.';
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch':
      if (/valid region/i.test(error.message)) {
        return 'The server runs in another region. Set the region below and try again.';
      }
      if (/expired|not yet current/i.test(error.message)) {
        return "This device's clock is too far off. Set it and try again.";
      }
      return 'The secret access key does not belong to this access key ID.';
    case 'ExpiredTokenException':
      return 'You have been signed in for too long. Please sign in again.';
    case 'ThrottlingException':
      return 'Too many requests at once. Wait a moment and try again.';
    case 'ResourceNotFoundException':
      return 'It does not exist any more.';
    case 'Unreachable':
      return 'The server cannot be reached. Is it running?';
    default:
      return error.message;
  }
}

/** Whether signing in again is what helps. */
export function isSignedOut(error: unknown): boolean {
  const kinds = [
    'UnrecognizedClientException',
    'InvalidSignatureException',
    'ExpiredTokenException',
  ];
  return error instanceof ApiError && kinds.includes(error.kind);
}
