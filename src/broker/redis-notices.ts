/** The text of messages between nodes: what append.lua, owner.lua and withdraw.lua publish, and ephemeral publications. */
import type { EphemeralNotice, LogNotice, StoredRecord, WithdrawnNotice } from './topic-logs.ts';

const NEWLINE = 10;
const LOGGED = 'L';
const EPHEMERAL = 'E';
const WITHDRAWN = 'W';

/** The sender of an ephemeral message, so that the sender leaves it out, and a number, so that it is told once. */
export interface Origin {
  readonly node: string;
  readonly number: number;
}

export type WireNotice = LogNotice | WithdrawnNotice | (EphemeralNotice & { readonly origin: Origin });

export function ephemeralText({ node, number }: Origin, record: string): string {
  return `${EPHEMERAL} ${node} ${number}\n${record}`;
}

/** Answers `null` for what this version does not know. */
export function readNotice(bytes: Buffer): WireNotice | null {
  const end = bytes.indexOf(NEWLINE);
  const fields = bytes.toString('latin1', 0, Math.max(end, 0)).split(' ');
  const [kind, ...rest] = fields;
  if (kind === LOGGED) return readLogged(rest, bytes, end + 1);
  if (kind === WITHDRAWN) return { kind: 'withdrawn', upTo: Number(rest[0]) };
  if (kind !== EPHEMERAL) return null;
  const [node = '', number = ''] = rest;
  return { kind: 'ephemeral', origin: { node, number: Number(number) }, record: bytes.toString('utf8', end + 1) };
}

function readLogged(fields: readonly string[], bytes: Buffer, start: number): LogNotice | null {
  const [epoch = '', first, previous = '', time, sequence, adopted, lengths = '', withdrawn = '0'] = fields;
  const records: StoredRecord[] = [];
  let at = start;
  for (const length of lengths.split(',')) {
    const end = at + Number(length);
    records.push({
      sequence: Number(sequence) + records.length,
      time: Number(time),
      record: bytes.toString('utf8', at, end),
    });
    at = end;
  }
  if (at !== bytes.byteLength) return null;
  return {
    kind: 'logged',
    epoch: decodeURIComponent(epoch),
    first: Number(first),
    previous: previous === '-' ? '-' : decodeURIComponent(previous),
    adopted: adopted === '1',
    withdrawn: Number(withdrawn),
    records,
  };
}
