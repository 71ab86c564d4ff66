/** The text of messages between nodes: what append.lua, owner.lua and withdraw.lua publish, and ephemeral publications. */
import { readEpoch } from './redis-replies.ts';
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
  const [kind, second = '', third = ''] = fields;
  if (kind === LOGGED) return readLogged(fields, bytes, end + 1);
  if (kind === WITHDRAWN) return { kind: 'withdrawn', upTo: Number(second) };
  if (kind !== EPHEMERAL) return null;
  return {
    kind: 'ephemeral',
    origin: { node: second, number: Number(third) },
    record: bytes.toString('utf8', end + 1),
  };
}

function readLogged(fields: readonly string[], bytes: Buffer, start: number): LogNotice | null {
  const [, epoch = '', first, previous = '', time, sequence, adopted, lengths = '', withdrawn = '0'] = fields;
  const records = readRecords(bytes, start, lengths, Number(sequence), Number(time));
  if (records === null) return null;
  return {
    kind: 'logged',
    epoch: readEpoch(epoch),
    first: Number(first),
    previous: readEpoch(previous),
    adopted: adopted === '1',
    withdrawn: Number(withdrawn),
    records,
  };
}

/** @param lengths in bytes, separated by commas */
function readRecords(
  bytes: Buffer,
  start: number,
  lengths: string,
  sequence: number,
  time: number,
): StoredRecord[] | null {
  const records: StoredRecord[] = [];
  let at = start;
  for (let from = 0; from <= lengths.length;) {
    const comma = lengths.indexOf(',', from);
    const to = comma === -1 ? lengths.length : comma;
    const end = at + Number(lengths.slice(from, to));
    records.push({ sequence: sequence + records.length, time, record: bytes.toString('utf8', at, end) });
    at = end;
    from = to + 1;
  }
  return at === bytes.byteLength ? records : null;
}
