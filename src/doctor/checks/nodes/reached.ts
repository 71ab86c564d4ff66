/** Whether the node that was named answers as a Signalbox does, and takes the token. */
import type { Check } from '../../check.ts';
import { fail, ok, type Observation } from '../../finding.ts';
import type { View } from '../../patient.ts';

export const nodesReached: Check = {
  name: 'nodes.reached',
  looksAt: 'Whether the node that `--url` names answers, is a Signalbox, and takes the admin token.',
  needs: ['admin'],
  run: async ({ views }) => {
    if (views === null) return [];
    let view: View;
    try {
      view = await views.get('/admin/nodes');
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      return [fail(`nobody answers at ${views.address}: ${cause}`, 'name the address of a running node (--url)')];
    }
    return [judged(view, views.address)];
  },
};

function judged({ status, body }: View, address: string): Observation {
  const nodes = body?.['nodes'];
  if (status === 200 && Array.isArray(nodes)) return ok(`${address} answers, of ${nodes.length} live nodes`);
  const reason = (body?.['error'] as { reason?: unknown } | undefined)?.reason;
  if ((status === 401 || status === 403) && typeof reason === 'string')
    return fail(
      `${address} refuses the admin token: ${status} ${reason}`,
      'give the token of admin.token of that node, or a JWT with the role admin (--admin-token, ADMIN_TOKEN)',
    );
  return fail(
    `${address} answers ${status}, and not as the administration of a Signalbox does`,
    'name the address where the administration listens (admin.port, else server.port)',
  );
}
