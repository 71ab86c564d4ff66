/** What everybody did, in order: all that the checks look at. Times are milliseconds since the run began. */

export type GapCause = 'overflow' | 'trimmed' | 'history_lost' | 'no_history';

interface Place {
  readonly at: number;
  readonly topic: string;
}

/** A frame went out. The same payload is sent again with its idempotency key while its outcome is not known. */
interface Sent extends Place {
  readonly payload: string;
  /** The connection that it left on, and how many had left there before. */
  readonly connection: string;
  readonly order: number;
}

export interface Acknowledged extends Place {
  readonly payload: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly isDuplicate: boolean;
  readonly connection: string;
  readonly order: number;
}

/** The first position of a subscription; nothing before it is expected. */
interface Joined extends Place {
  readonly kind: 'joined';
  readonly epoch: string;
  readonly sequence: number;
}

export interface Received extends Place {
  readonly kind: 'received';
  readonly epoch: string;
  readonly sequence: number;
  readonly payload: string;
}

export interface Announced extends Place {
  readonly kind: 'gap';
  readonly cause: GapCause;
  readonly epoch: string;
  /** Missing sequences, inclusive; of `history_lost` the new epoch goes on after `to`, and `from` says nothing. */
  readonly from: number;
  readonly to: number;
}

export type Heard = Joined | Received | Announced;

/** A fault from its beginning to the moment at which everything was put right again. */
export interface Disturbance {
  readonly name: string;
  readonly from: number;
  /** When the service could work again; what is put right later only makes it whole. */
  readonly healed: number;
  readonly until: number;
  /** Whether Redis may forget what it acknowledged. */
  readonly mayLose: boolean;
}

export interface Record {
  readonly sent: Sent[];
  readonly acknowledged: Acknowledged[];
  /** By subscriber, in the order of arrival. */
  readonly heard: Map<string, Heard[]>;
  readonly disturbances: Disturbance[];
  /** By topic, the payload that everybody must have seen at the end. */
  readonly last: Map<string, string>;
  /** What could not be done or put right. */
  readonly failures: string[];
}

export function emptyRecord(): Record {
  return { sent: [], acknowledged: [], heard: new Map(), disturbances: [], last: new Map(), failures: [] };
}

export function heardBy(record: Record, subscriber: string): Heard[] {
  let list = record.heard.get(subscriber);
  if (list === undefined) record.heard.set(subscriber, (list = []));
  return list;
}
