/** What `signalbox emergency status` prints: what is in force on each node, and until when. */
import type { InForce } from '../node/in-force.ts';
import { printable } from './printable.ts';

type Body = Readonly<Record<string, unknown>>;
type Told = Partial<InForce> & { readonly node: string; readonly problem?: string | null };

export function statusText(body: Body): string {
  const nodes = (body['nodes'] ?? [body]) as readonly Told[];
  return nodes.map(nodeText).join('\n');
}

function nodeText({ node, problem, ...told }: Told): string {
  if (typeof problem === 'string') return printable(`${node}: ${problem}`);
  const lines = [
    ...modeLines(told),
    ...rateLines(told),
    ...levelLines(told),
    ...revocationLines(told),
    ...traceLines(told),
  ];
  return [printable(node), ...lines.map((line) => `  ${printable(line)}`)].join('\n');
}

function modeLines({ mode, admission }: Partial<InForce>): string[] {
  return [
    row('mode', `${mode?.is ?? '-'}${ends(mode?.until)}`),
    row(
      'connections',
      `${admission?.admits === true ? 'new ones are taken' : 'new ones are refused'}${ends(admission?.until)}`,
    ),
  ];
}

function rateLines({ rates }: Partial<InForce>): string[] {
  return Object.entries(rates ?? {}).map(([name, { per_second: now, configured, until }]) =>
    row(name, `${now}${now === configured ? '' : `, changed from ${configured}`}${ends(until)}`),
  );
}

function levelLines({ log_level: level }: Partial<InForce>): string[] {
  return [row('log level', `${level?.level ?? '-'}${ends(level?.until)}`)];
}

function revocationLines({ revocations }: Partial<InForce>): string[] {
  const { total = 0, newest = [] } = revocations ?? {};
  const shown = newest.length < total ? `, the newest ${newest.length}:` : '';
  return [
    row('revocations', `${total}${shown}`),
    ...newest.map(({ of, who, issued_until: issued, until }) =>
      row('', `${of}${who === '' ? '' : ` ${who}`}${issued === null ? '' : `, issued until ${issued}`}${ends(until)}`),
    ),
  ];
}

function traceLines({ traced = [] }: Partial<InForce>): string[] {
  if (traced.length === 0) return [row('traced', 'no topic')];
  return traced.map(({ pattern, until }) => row('traced', `${pattern}${ends(until)}`));
}

function ends(until: string | null | undefined): string {
  return typeof until === 'string' ? `, until ${until}` : '';
}

function row(name: string, text: string): string {
  return `${name.padEnd(16)}${text}`;
}
