/** The codecs by name, and which one a subprotocol asks for. */
import type { Codec, Format } from './codec.ts';
import { json } from './json.ts';
import { msgpack } from './msgpack.ts';

export const CODECS: Readonly<Record<Format, Codec>> = { json, msgpack };

/** Subprotocol entries of version 1; docs/protocol.md, "Endpoint". */
export const SUBPROTOCOLS: ReadonlyMap<string, { readonly format: Format; readonly batching: boolean }> = new Map([
  ['signalbox.json', { format: 'json', batching: false }],
  ['signalbox.json+batch', { format: 'json', batching: true }],
  ['signalbox.msgpack', { format: 'msgpack', batching: false }],
  ['signalbox.msgpack+batch', { format: 'msgpack', batching: true }],
]);
