/** What the main thread and the threads of a run tell each other. */
import type { Histogram } from 'node:perf_hooks';
import type { LoadPlan, Credentials } from './plan.ts';
import type { ClockBase } from './run-clock.ts';
import type { SequenceVerdict } from './sequence-check.ts';

export interface ThreadData {
  readonly plan: LoadPlan;
  readonly credentials: Credentials;
  readonly thread: number;
  /** What stamps count from. */
  readonly base: ClockBase;
  /** See window.ts. */
  readonly shared: SharedArrayBuffer;
}

/** To a thread. Times are µs of the run's clock. */
export type Order =
  | { readonly type: 'connect'; readonly at: number }
  | { readonly type: 'publish'; readonly from: number; readonly measureFrom: number; readonly until: number }
  | { readonly type: 'wake' }
  /** Ends publishing now. */
  | { readonly type: 'cease' }
  /** The newest sequence of every topic: waits until it is there, at most until `deadline` or so long without progress. */
  | { readonly type: 'settle'; readonly heads: Float64Array; readonly quietMs: number };

/** Counters of a second; main adds them up. */
export interface Counts {
  /** Each message once per subscription, replayed ones too. */
  readonly deliveries: number;
  readonly replayed: number;
  /** WebSocket messages that held publications. */
  readonly messages: number;
  /** Bytes of WebSocket messages. */
  readonly bytes: number;
  readonly published: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Not sent, because too many were unanswered. */
  readonly skipped: number;
}

export interface Tick extends Counts {
  readonly type: 'tick';
  readonly thread: number;
  /** Whole seconds since the measurement began; negative before. */
  readonly second: number;
  readonly delivery: Histogram;
  readonly ack: Histogram;
  /** Connections that are open now; those that subscribe, once they are subscribed. */
  readonly open: number;
  readonly cpuUs: number;
  readonly elapsedUs: number;
  readonly checks: SequenceVerdict;
  /** How long after their times publishes of an open loop were sent. */
  readonly late: Histogram;
}

/** Events by name, such as refusals by reason. */
export type Tallies = Readonly<Record<string, number>>;

export interface StormResult {
  readonly dropped: number;
  /** Of them, live again: subscribed, and everything that was missed has come. */
  readonly live: number;
  readonly timeToLive: Histogram;
}

export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'connected'; readonly open: number; readonly failed: number }
  | Tick
  /** Publishing has ended, and every publish is answered or will not be. */
  | {
      readonly type: 'published';
      /** By topic, the newest sequence acknowledged; 0 when there is none. */
      readonly heads: Float64Array;
      /** By topic, acknowledgements without a sequence. */
      readonly unnumbered: Float64Array;
      readonly unanswered: number;
    }
  | ThreadResult
  | { readonly type: 'wake' };

export interface ThreadResult {
  readonly type: 'done';
  readonly thread: number;
  readonly checks: SequenceVerdict;
  readonly open: number;
  readonly connect: Histogram;
  /** Latency of live deliveries to slow readers. */
  readonly slow: Histogram;
  readonly slowDeliveries: number;
  readonly slowReplayed: number;
  readonly storms: readonly StormResult[];
  /** Handshakes that were refused, by reason. */
  readonly refusals: Tallies;
  /** Connections that the server closed, by code. */
  readonly closes: Tallies;
  /** Error frames, by reason. */
  readonly errors: Tallies;
  readonly decoded: number;
  /** Connections that never got as far as being subscribed. */
  readonly neverOpen: number;
}
