/** The command line of the benchmark. */
import { parseArgs } from 'node:util';
import type { PeerName } from './clients.ts';

export type Fault = 'drain' | 'kill';

export interface DrainBenchOptions {
  readonly peers: readonly PeerName[];
  readonly faults: readonly Fault[];
  readonly clients: number;
  readonly rooms: number;
  /** Between two messages of a room. */
  readonly intervalMs: number;
  /** Processes that the clients share. */
  readonly processes: number;
  /** How long nothing happens before the fault. */
  readonly seconds: number;
}

const PEERS: readonly PeerName[] = ['signalbox', 'socket.io'];
const FAULTS: readonly Fault[] = ['drain', 'kill'];

/** @throws Error that says which option is wrong */
export function readOptions(args: readonly string[]): DrainBenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peer: { type: 'string', default: PEERS.join(',') },
      fault: { type: 'string', default: FAULTS.join(',') },
      clients: { type: 'string', default: '2000' },
      rooms: { type: 'string', default: '40' },
      'interval-ms': { type: 'string', default: '100' },
      processes: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '5' },
    },
  });
  return {
    peers: some('peer', values.peer, PEERS),
    faults: some('fault', values.fault, FAULTS),
    clients: positive('clients', values.clients),
    rooms: positive('rooms', values.rooms),
    intervalMs: positive('interval-ms', values['interval-ms']),
    processes: positive('processes', values.processes),
    seconds: positive('seconds', values.seconds),
  };
}

function some<T extends string>(option: string, text: string, known: readonly T[]): readonly T[] {
  return text.split(',').map((word) => {
    const name = known.find((name) => name === word);
    if (name === undefined) throw new Error(`--${option}: expected some of ${known.join(', ')}, got ${word}`);
    return name;
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${option}: expected a whole number above 0, got ${JSON.stringify(text)}`);
}
