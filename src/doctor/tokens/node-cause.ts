/** Where a running node and the configuration here do not say the same of a token: why. */
import { isRefusal } from '../../protocol/errors.ts';
import { fail, ok, warn, type Observation } from '../finding.ts';
import { isAccepted, isAnswer, type Verdicts } from './verdicts.ts';

const ROTATED =
  'restart the nodes one after the other, with the old secret as auth.jwt_previous_secret until the last old token has expired';

export function nodeObservation({ token: { label }, here, there }: Verdicts): Observation | null {
  if (there === null) return null;
  if (there instanceof Error)
    return fail(
      `the node was not asked about ${label}: ${there.message}`,
      'name the address of a running node (--url)',
    );
  if (!isAnswer(there)) return unanswered(label, there.status);
  const { node, accepted, reason, message } = there.body;
  const name = String(node);
  if (accepted === true) {
    if (here === null || isAccepted(here)) return ok(`${name} accepts ${label}`);
    return fail(
      `${name} accepts ${label}, which is refused here: the nodes run with another configuration than this one`,
      'examine with the configuration that the nodes have (--config), or restart them with this one',
    );
  }
  return refusedThere(label, name, String(reason), String(message), here);
}

function unanswered(label: string, status: number): Observation {
  if (status === 401 || status === 403)
    return fail(
      `the node was not asked about ${label}: it refuses the admin token (${status})`,
      'give the token of admin.token (--admin-token, ADMIN_TOKEN)',
    );
  if (status === 404)
    return warn(
      `the node cannot be asked about ${label}: it has no POST /admin/tokens/check`,
      'name the port of the administration, of a node of this version',
    );
  return fail(`the node did not say whether it takes ${label}: ${status}`, 'look into its log');
}

function refusedThere(
  label: string,
  node: string,
  reason: string,
  message: string,
  here: Verdicts['here'],
): Observation {
  if (reason === 'token_revoked')
    return fail(
      `${node} refuses ${label}: ${message}`,
      'the user signs in again; ./signalbox emergency status lists what is revoked, and until when',
    );
  if (reason === 'account_inactive')
    return fail(`${node} refuses ${label}: ${message}`, './signalbox accounts activate USER');
  if (reason === 'not_admitting')
    return warn(`${node} does not say whether it takes ${label}: ${message}`, 'ask again in a moment');
  if (isAccepted(here) && message.includes('signature'))
    return fail(
      `${node} refuses ${label}, which is accepted here: it runs with another secret than this configuration has, so the secret was changed after its start`,
      ROTATED,
    );
  if (isAccepted(here))
    return fail(
      `${node} refuses ${label}, which is accepted here (${reason}: ${message}): it runs with another configuration, or its clock differs`,
      'restart the nodes with this configuration; date -u on both machines',
    );
  const cure =
    here !== null && isRefusal(here)
      ? 'see tokens.accepted'
      : 'examine where the configuration of the node is: tokens.accepted names the cause';
  return fail(`${node} refuses ${label}: ${reason}: ${message}`, cure);
}
