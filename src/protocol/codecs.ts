/** The wire formats, each an entry with its index, and which one a subprotocol asks for. */
import type { Codec } from './codec.ts';
import { json } from './json.ts';
import { msgpack } from './msgpack.ts';

/** State kept for each format stands in arrays by `Codec.index`, which is the place here. The first is the default. */
export const CODECS: readonly Codec[] = [json, msgpack];

export const DEFAULT_CODEC: Codec = json;

/** Logs in memory keep messages as frames of this format, and tails in it share them. */
export const LOG_CODEC: Codec = json;

const BY_NAME: ReadonlyMap<string, Codec> = new Map(CODECS.map((codec) => [codec.name, codec]));

export function codecNamed(name: string): Codec | undefined {
  return BY_NAME.get(name);
}

/** The format of a message that is of another kind, text or binary, than its sender's format has: the first of that kind. */
export function codecOfKind(binary: boolean): Codec {
  return binary ? msgpack : json;
}

interface Subprotocol {
  readonly codec: Codec;
  readonly batching: boolean;
}

/** Subprotocol entries of version 1; docs/protocol.md, "Endpoint". */
export const SUBPROTOCOLS: ReadonlyMap<string, Subprotocol> = new Map(
  CODECS.flatMap((codec): [string, Subprotocol][] => [
    [`signalbox.${codec.name}`, { codec, batching: false }],
    [`signalbox.${codec.name}+batch`, { codec, batching: true }],
  ]),
);
