/** Errors of the SDK of Bedrock as failures: it has names for what the service says, and for what its own machine lacks. */
import { retryAfterMs } from '../../calling/retry-after.ts';
import { field, numberAt, textAt } from './event-json.ts';
import { failureOf, ProviderError, type Failure } from './provider.ts';

const FAILURES: Readonly<Record<string, Failure>> = {
  ThrottlingException: 'busy',
  TooManyRequestsException: 'busy',
  ServiceQuotaExceededException: 'busy',
  ModelNotReadyException: 'busy',
  AccessDeniedException: 'unauthorized',
  UnrecognizedClientException: 'unauthorized',
  ExpiredTokenException: 'unauthorized',
  InvalidSignatureException: 'unauthorized',
  CredentialsProviderError: 'unauthorized',
  TokenProviderError: 'unauthorized',
  ValidationException: 'invalid',
  ResourceNotFoundException: 'invalid',
  InternalServerException: 'unavailable',
  ServiceUnavailableException: 'unavailable',
  ModelErrorException: 'unavailable',
  ModelStreamErrorException: 'unavailable',
  ModelTimeoutException: 'timeout',
  TimeoutError: 'timeout',
};
const MAX_KIND = 64;

/** @param hasBegun whether the service had accepted the question: a stream that breaks is no service that is not there */
export function bedrockFailure(error: unknown, hasBegun: boolean): ProviderError {
  if (error instanceof ProviderError) return error;
  const kind = textAt(error, 'name');
  const status = numberAt(field(error, '$metadata'), 'httpStatusCode');
  // The message may repeat what the user said, so it is left out.
  const detail = [
    kind.slice(0, MAX_KIND),
    textAt(error, 'code').slice(0, MAX_KIND),
    status === 0 ? '' : `status ${status}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
  return new ProviderError(failureBy(kind, status, hasBegun), detail, retryAfterOf(error));
}

function failureBy(kind: string, status: number, hasBegun: boolean): Failure {
  const known = FAILURES[kind];
  if (known !== undefined) return known;
  if (status >= 300) return failureOf(status);
  // What is left: bytes that are no event, and a connection that broke or was never made.
  if (!hasBegun) return status === 200 ? 'garbage' : 'unavailable';
  return kind === 'Error' || kind === 'SyntaxError' || kind === 'RangeError' ? 'garbage' : 'cut';
}

function retryAfterOf(error: unknown): number | undefined {
  return retryAfterMs(textAt(field(field(error, '$response'), 'headers'), 'retry-after'));
}
