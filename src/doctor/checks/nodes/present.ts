/** Whether every node of the service is there and answers the one that is asked. */
import type { Departed } from '../../../control/command.ts';
import type { Check } from '../../check.ts';
import { factsOf, named } from '../../facts.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { replicasIn } from '../../manifest-values.ts';
import type { Patient } from '../../patient.ts';

export const nodesPresent: Check = {
  name: 'nodes.present',
  looksAt:
    'Whether as many nodes are there as should be (`--nodes N`, else the replicas of `--manifests`), whether one ended without saying goodbye in the last hour, and whether each answers: half a cluster shows half of everything.',
  needs: ['admin'],
  run: async (patient) => {
    const [{ nodes, missing }, departed] = await Promise.all([factsOf(patient), departedOf(patient)]);
    const silent = missing.map((problem) =>
      fail(
        `not all nodes answer: ${problem}`,
        'look at that node by its own address (--url), and at Redis between them',
      ),
    );
    if (nodes.length === 0) return silent;
    const names = nodes.map(({ node }) => node);
    const found = [...silent, ...tooFew(patient, [...names, ...missing]), ...departed.map((it) => gone(it, patient))];
    return found.length > 0 ? found : [ok(`all ${nodes.length} nodes answer`)];
  },
};

async function departedOf({ views }: Patient): Promise<readonly Departed[]> {
  const view = await views?.get('/admin/nodes').catch(() => null);
  // A node of an earlier version does not know.
  return (view?.body?.['departed'] ?? []) as readonly Departed[];
}

function tooFew({ expectedNodes, manifests }: Patient, there: readonly string[]): readonly Observation[] {
  const inManifests = manifests === null ? null : replicasIn(manifests);
  const expected = expectedNodes ?? inManifests;
  if (expected === null || there.length >= expected) return [];
  const source = expectedNodes === undefined ? 'the replicas of the manifests' : '--nodes';
  return [
    fail(
      `${there.length} of ${expected} nodes are there (${source}): ${named(there)}`,
      'start the others and read the first lines of their logs; a node with another redis.url, database or prefix is not seen here (redis.neighbours)',
    ),
  ];
}

function gone({ node, seen_at: seen }: Departed, { clock }: Patient): Observation {
  const secs = Math.max(0, Math.round((clock.now() - seen) / 1_000));
  return warn(
    `${node} is gone without having said goodbye, last seen ${secs} s ago`,
    'its process was killed, crashed, or lost Redis: look at the last lines of its log, and at the kernel (dmesg) for a lack of memory; started anew under its name it is known again',
  );
}
