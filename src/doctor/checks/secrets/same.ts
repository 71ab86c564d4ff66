/** Whether all nodes run with the same secrets, and whether these are those of the configuration here. */
import { randomBytes } from 'node:crypto';
import { fingerprintOf } from '../../../auth/fingerprint.ts';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';

type Fingerprints = ReadonlyMap<string, string>;

const NONCE_BYTES = 24;

export const secretsSame: Check = {
  name: 'secrets.same',
  looksAt:
    'Whether all running nodes have the same secrets, and the ones of the configuration here; by fingerprints that are good for this one comparison.',
  needs: ['admin'],
  run: async ({ views, authentication }) => {
    const nonce = randomBytes(NONCE_BYTES).toString('base64url');
    const { status, body } = (await views?.get(`/admin/secrets?node=*&nonce=${nonce}`)) ?? { status: 0, body: null };
    if (status === 401 || status === 403) return [];
    if (status !== 200)
      return [
        warn(
          `the nodes do not say which secrets they have (${status})`,
          'name the address of a node of this version (--url)',
        ),
      ];
    const nodes = nodesIn(body ?? {});
    const secrets = authentication?.secrets;
    const own: Fingerprints | null =
      secrets === undefined ? null : new Map([...secrets].map(([key, secret]) => [key, fingerprintOf(secret, nonce)]));
    return compared(nodes, own);
  },
};

function nodesIn(body: Readonly<Record<string, unknown>>): ReadonlyMap<string, Fingerprints> {
  const nodes = (body['nodes'] ?? []) as readonly { node: string; secrets?: { key: string; fingerprint: string }[] }[];
  return new Map(
    nodes.flatMap(({ node, secrets }) =>
      secrets === undefined
        ? []
        : [[node, new Map(secrets.map(({ key, fingerprint }) => [key, fingerprint]))] as const],
    ),
  );
}

function compared(nodes: ReadonlyMap<string, Fingerprints>, own: Fingerprints | null): readonly Observation[] {
  const keys = new Set([...nodes.values(), ...(own === null ? [] : [own])].flatMap((known) => [...known.keys()]));
  const found = [...keys].flatMap((key) => [
    ...amongNodes(key, nodes),
    ...(own === null ? [] : withOwn(key, nodes, own)),
  ]);
  if (found.length > 0) return found;
  return [
    ok(
      `${[...nodes.keys()].join(', ')} ${nodes.size === 1 ? 'has' : 'have'} the same ${[...keys].join(', ')}${own === null ? '' : ' as this configuration'}`,
    ),
  ];
}

function amongNodes(key: string, nodes: ReadonlyMap<string, Fingerprints>): readonly Observation[] {
  const groups = Map.groupBy(nodes, ([, known]) => known.get(key) ?? '');
  if (groups.size < 2) return [];
  const sides = [...groups].map(([fingerprint, members]) => {
    const names = members.map(([node]) => node).join(', ');
    return fingerprint === '' ? `${names} without one` : names;
  });
  return [
    fail(
      `the nodes run with different ${key}: ${sides.join(' | ')}; a token that one accepts the other refuses`,
      'restart those with the old one, with the old secret as auth.jwt_previous_secret on all while tokens of it live',
    ),
  ];
}

function withOwn(key: string, nodes: ReadonlyMap<string, Fingerprints>, own: Fingerprints): readonly Observation[] {
  const differing = [...nodes].filter(([, known]) => known.get(key) !== own.get(key));
  if (differing.length === 0) return [];
  const names = differing.map(([node]) => node).join(', ');
  const isMissing = differing.every(([, known]) => !known.has(key));
  const there = isMissing ? `without ${key}` : own.has(key) ? `with another ${key}` : `with a ${key}`;
  const here = own.has(key) ? 'than this configuration has' : 'and this configuration has none';
  return [
    fail(
      `${names} runs ${there} ${isMissing ? 'and this configuration has one' : here}: it was changed after the start, or this is not the configuration of the nodes`,
      'restart the nodes one after the other, or examine with their configuration (--config)',
    ),
  ];
}
