/** Values of Kubernetes manifests against the configuration that the pods are given. */
import { mebibytes } from '../../each-node.ts';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { manifestValues, type ManifestValue } from '../../manifest-values.ts';
import type { Patient } from '../../patient.ts';

/** What stopping takes beside the time of its connections, in seconds. */
const STOP_SECS = 5;
/** As in docs/operations.md, "Sizing". */
const AT_REST = 121 * 1_048_576;
const CONNECTION = 2_158 + 3_700;
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1_024,
  Mi: 1_048_576,
  Gi: 2 ** 30,
};
const PROBE = /\.(?:liveness|readiness|startup)Probe\.httpGet\.path$/;
/** Beside connections of clients. */
const OTHER_FILES = 200;
const PATHS: Readonly<Record<string, RegExp>> = {
  livenessProbe: /^\/health\/live$/,
  startupProbe: /^\/health\/(?:live|ready)$/,
  readinessProbe: /^\/health\/ready$/,
};

const manifestsGrace: Check = {
  name: 'manifests.grace',
  looksAt: '`terminationGracePeriodSeconds` against `shutdown.grace_secs` and the pause of preStop.',
  needs: ['manifests', 'configuration'],
  run: (patient) => {
    const grace = patient.configuration?.config?.shutdown.grace_secs;
    if (grace === undefined) return [];
    return valuesOf(patient, /\.terminationGracePeriodSeconds$/).map(({ file, document, value }): Observation => {
      const pause = pauseOf(patient, file, document);
      const needed = grace + pause + STOP_SECS;
      const says = `${file}: ${value} s for the end of a pod, ${needed} are needed (shutdown.grace_secs ${grace}, preStop ${pause}, stopping ${STOP_SECS})`;
      if (Number(value) >= needed) return ok(says);
      return fail(
        `${says}: pods are killed while clients leave`,
        `terminationGracePeriodSeconds: ${needed}, or a lower shutdown.grace_secs`,
      );
    });
  },
};

const manifestsMemory: Check = {
  name: 'manifests.memory',
  looksAt: 'The memory limit of pods against `websocket.max_connections` and the bounds of mailboxes and logs.',
  needs: ['manifests', 'configuration'],
  run: (patient) => {
    const config = patient.configuration?.config ?? null;
    if (config === null) return [];
    const { websocket, actor_system: actors, topics, redis } = config;
    const logs = redis.url === undefined ? topics.total_bytes : 0;
    const needed = AT_REST + websocket.max_connections * CONNECTION + actors.mailboxes_total_bytes + logs;
    return nodesOf(patient, /\.resources\.limits\.memory$/).map(({ file, value }): Observation => {
      const limit = bytesOf(value);
      const says = `${file}: a memory limit of ${value}, ${mebibytes(needed)} are needed at the worst for ${websocket.max_connections} connections`;
      if (limit === null) return warn(`${file}: expected a memory limit like 1Gi, got ${value}`, 'write it as 1Gi');
      return limit >= needed
        ? ok(says)
        : fail(
            `${says}: pods are ended under load`,
            `memory: ${Math.ceil(needed / 1_048_576)}Mi, or a lower websocket.max_connections`,
          );
    });
  },
};

const manifestsProbes: Check = {
  name: 'manifests.probes',
  looksAt: 'The paths of probes: liveness must never ask about Redis, readiness must.',
  needs: ['manifests'],
  run: (patient) => {
    const probes = nodesOf(patient, PROBE);
    const wrong = probes.flatMap(({ file, path, value }): readonly Observation[] => {
      const probe = path.split('.').at(-3) ?? '';
      if (PATHS[probe]?.test(value) !== false) return [];
      const right = probe === 'livenessProbe' || probe === 'startupProbe' ? '/health/live' : '/health/ready';
      return [
        fail(
          `${file}: ${probe} asks ${value}, expected ${right}: it answers another question`,
          `path: ${right} in ${probe}`,
        ),
      ];
    });
    return wrong.length > 0 || probes.length === 0 ? wrong : [ok(`${probes.length} probes ask the right paths`)];
  },
};

const manifestsOpenFiles: Check = {
  name: 'manifests.open-files',
  looksAt:
    'The annotation `ulimits.nri.containerd.io/container.…` for open files against `websocket.max_connections`, and whether there is one.',
  needs: ['manifests', 'configuration'],
  run: (patient) => {
    const connections = patient.configuration?.config?.websocket.max_connections;
    if (connections === undefined || nodesOf(patient, PROBE).length === 0) return [];
    const needed = connections + OTHER_FILES;
    const limits = valuesOf(patient, /annotations\.ulimits\.nri\.containerd\.io\/container\.[\w-]+\.hard$/i);
    if (limits.length === 0)
      return [
        warn(
          `nothing in the manifests says how many files a pod may open, ${needed} are needed for ${connections} connections: the runtime decides`,
          'LimitNOFILE of the container runtime, or the annotation of k8s/base/stateful-set.yaml (docs/kubernetes.md, "Open files")',
        ),
      ];
    return limits.map(({ file, value }): Observation => {
      const says = `${file}: ${value} open files, ${needed} are needed for ${connections} connections`;
      if (Number(value) >= needed) return ok(says);
      return fail(
        `${says}: a pod takes fewer connections`,
        `hard: ${needed} in that annotation, or a lower websocket.max_connections`,
      );
    });
  },
};

export const MANIFEST_CHECKS: readonly Check[] = [manifestsGrace, manifestsMemory, manifestsProbes, manifestsOpenFiles];

/** Seconds that a pod pauses before it is told to stop, as `sleep` in one of two forms. */
function pauseOf(patient: Patient, file: string, document: number): number {
  const pauses = valuesOf(patient, /\.preStop\.(?:sleep\.seconds|exec\.command)$/)
    .filter((it) => it.file === file && it.document === document)
    .map(({ value }) => Number(/^(?:\[.*\bsleep['", ]+)?(\d+)['"]?\]?$/.exec(value)?.[1] ?? 0));
  return Math.max(0, ...pauses);
}

function valuesOf({ manifests }: Patient, path: RegExp): readonly ManifestValue[] {
  return manifests === null ? [] : manifestValues(manifests).filter((it) => path.test(it.path));
}

/** Of documents that have a probe or an end of ours: beside a node, manifests describe its Redis. */
function nodesOf(patient: Patient, path: RegExp): readonly ManifestValue[] {
  const ours = new Set(valuesOf(patient, PROBE).map(({ file, document }) => `${file} ${document}`));
  return valuesOf(patient, path).filter(({ file, document }) => ours.has(`${file} ${document}`));
}

function bytesOf(text: string): number | null {
  const [, amount, unit = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return amount === undefined || factor === undefined ? null : Number(amount) * factor;
}
