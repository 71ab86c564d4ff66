/** The cause of a refusal by the rules of the configuration, with its cure. */
import { matchKey, readToken } from '../../auth/signature.ts';
import { secretKey } from '../../auth/verification-key.ts';
import type { Config } from '../../config/schema.ts';
import { isRefusal, quote, type Refusal } from '../../protocol/errors.ts';
import { fail, type Observation } from '../finding.ts';
import type { Authentication } from '../patient.ts';
import type { GivenToken } from './given-token.ts';
import { signatureCause } from './signature-cause.ts';
import { timesCause } from './times.ts';

/** @param now milliseconds since 1970 */
export function refusalCause(
  token: GivenToken,
  refused: Refusal,
  { auth }: Config,
  authentication: Authentication,
  now: number,
): Observation {
  if (refused.message.includes('auth.algorithms')) return algorithmCause(token, auth, authentication);
  if (refused.message.includes('signature')) return signatureCause(token, authentication);
  const times = timesCause(token, now / 1_000, auth.leeway_secs);
  if (times !== null && (refused.reason === 'token_expired' || /claim (exp|nbf|iat)/.test(refused.message)))
    return times;
  return (
    partyCause(token, refused, auth) ??
    fail(`${token.label} is refused: ${refused.message}`, 'let the issuer write the claim as expected')
  );
}

function algorithmCause(
  { text, parts, label }: GivenToken,
  auth: Config['auth'],
  { secrets }: Authentication,
): Observation {
  const { alg } = parts?.head ?? {};
  const allowed = auth.algorithms.join(', ');
  const says = `${label} has the algorithm ${quote(alg)}, and auth.algorithms allows ${allowed}`;
  if (typeof alg !== 'string' || alg.toLowerCase() === 'none')
    return fail(`${says}: it is not signed`, `let the issuer sign with ${allowed}`);
  const more = `auth.algorithms = ${JSON.stringify([...auth.algorithms, alg])}`;
  if (!/^(?:HS|RS|PS|ES)(?:256|384|512)$|^Ed/.test(alg)) return fail(says, `let the issuer sign with ${allowed}`);
  if (!alg.startsWith('HS')) {
    const hasKey = secrets.has('auth.public_key') || auth.jwks_url !== undefined;
    return fail(
      says,
      hasKey ? `${more}, or let the issuer sign with ${allowed}` : `${more}, with auth.public_key or auth.jwks_url`,
    );
  }
  const read = readToken(text, [alg]);
  const secret = secrets.get('auth.jwt_secret');
  const fits = secret !== undefined && !isRefusal(read) && matchKey(read, [secretKey('jwt_secret', secret)]) !== null;
  return fail(fits ? `${says}; its signature is good` : says, `let the issuer sign with ${allowed}, or ${more}`);
}

function partyCause({ label, parts }: GivenToken, { message }: Refusal, auth: Config['auth']): Observation | null {
  const claims = parts?.claims ?? {};
  if (message.includes('auth.issuer'))
    return fail(
      `${label} has iss ${shown(claims['iss'])}, and auth.issuer is ${quote(auth.issuer)}`,
      'write into auth.issuer what the issuer says, to the last slash',
    );
  if (message.includes('auth.audience'))
    return fail(
      `${label} has aud ${shown(claims['aud'])}, and auth.audience is ${quote(auth.audience)}`,
      'let the client ask the provider for a token of this audience, or change auth.audience',
    );
  return null;
}

function shown(value: unknown): string {
  return value === undefined ? 'nowhere' : quote(typeof value === 'string' ? value : JSON.stringify(value));
}
