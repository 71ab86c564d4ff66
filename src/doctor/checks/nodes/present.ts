/** Whether every node of the service is there and answers the one that is asked. */
import type { Departed } from '../../../control/command.ts';
import type { Check } from '../../check.ts';
import { factsOf, named } from '../../facts.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { replicasIn } from '../../manifest-values.ts';
import type { Patient, View } from '../../patient.ts';

export const nodesPresent: Check = {
  name: 'nodes.present',
  looksAt:
    'Whether as many nodes are there as should be (`--nodes N`, else the replicas of `--manifests`), whether one ended without saying goodbye in the last hour, and whether each answers: half a cluster shows half of everything.',
  needs: ['admin'],
  run: async (patient) => {
    const [{ nodes, missing, problem }, listed] = await Promise.all([factsOf(patient), listedIn(patient)]);
    // Where not even the list comes, another check says so (nodes.reached).
    if (nodes.length === 0 && missing.length === 0)
      return problem === null || listed === null
        ? []
        : [
            fail(
              `the node says nothing of itself (GET /admin/facts): ${problem}; checks that need it had nothing to look at`,
              'ask again; when it stays so, look at its load and at its log',
            ),
          ];
    const departed = (listed?.['departed'] ?? []) as readonly Departed[];
    const silent = missing.map((why) =>
      fail(`not all nodes answer: ${why}`, 'look at that node by its own address (--url), and at Redis between them'),
    );
    const names = nodes.map(({ node }) => node);
    const found = [...silent, ...tooFew(patient, [...names, ...missing]), ...departed.map((it) => gone(it, patient))];
    return found.length > 0 ? found : [ok(`all ${nodes.length} nodes answer`)];
  },
};

/** A node of an earlier version does not know who departed. @returns `null` when there is no answer */
async function listedIn({ views }: Patient): Promise<View['body']> {
  const view = await views?.get('/admin/nodes').catch(() => null);
  return view?.status === 200 ? view.body : null;
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
