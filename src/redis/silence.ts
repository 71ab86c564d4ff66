/** Gives up connections that nothing is heard of: a broken path is not told by TCP for minutes. */
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { isFailure, type CommandClient, type Results } from './command-client.ts';
import type { Subscriber } from './subscriber.ts';
import type { Vitals } from './vitals.ts';

interface Connections {
  readonly writer: CommandClient;
  readonly reader: CommandClient;
  readonly subscriber: Subscriber;
}

/** Looks without an answer after which a connection is given up. */
const SILENT_LOOKS = 3;

export class Silence {
  private readonly silent = { writer: 0, reader: 0, subscriber: 0 };
  private readonly connections: Connections;
  private readonly log: Log;
  private readonly heard: (results: Results) => void;
  private readonly clock: Clock;
  private readonly vitals: Vitals;

  /** @param heard told what became of a look at a connection for commands */
  constructor(
    connections: Connections & { readonly vitals: Vitals },
    clock: Clock,
    log: Log,
    heard: (results: Results) => void,
  ) {
    this.clock = clock;
    this.vitals = connections.vitals;
    this.connections = connections;
    this.log = log;
    this.heard = heard;
  }

  /** Call it about once a second. */
  look(): void {
    const { writer, reader, subscriber } = this.connections;
    const askedAt = this.clock.elapsed();
    if (writer.isReady)
      writer.send([['PING']], (results) => {
        this.vitals.answered(this.clock.elapsed() - askedAt);
        this.answered('writer', results);
      });
    if (reader.isReady) reader.send([['PING']], (results) => this.answered('reader', results));
    subscriber.ping((isAlive) => this.count('subscriber', isAlive));
  }

  private answered(name: 'writer' | 'reader', results: Results): void {
    this.heard(results);
    this.count(name, !results.some(isFailure));
  }

  private count(name: keyof Connections, isAlive: boolean): void {
    this.silent[name] = isAlive ? 0 : this.silent[name] + 1;
    if (this.silent[name] < SILENT_LOOKS) return;
    this.silent[name] = 0;
    this.log.warn('Connection to Redis is silent and given up', { connection: name });
    this.connections[name].reconnect();
  }
}
