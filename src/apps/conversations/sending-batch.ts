/** Messages of one call as the columns of its function: what several have in common, conversation and sender, is told once. */
import type { Sending } from './sending-message.ts';

/** Of a conversation in the batch. */
interface Talk {
  readonly place: number;
  readonly senders: Map<string, Sender>;
}

interface Sender {
  readonly origin: number;
  /** Ids of the sender's own: the same message twice in a batch is stored once. */
  readonly known: Map<string, number>;
}

type Nullable<T> = (T | null)[];

/** What lists are called in the function (migrations/0002-messages.sql). Its places begin at 1. */
export class SendingBatch {
  readonly tenants: string[] = [];
  readonly ids: string[] = [];
  readonly counts: number[] = [];
  readonly places: number[] = [];
  readonly senders: string[] = [];
  readonly lasts: number[] = [];
  readonly areUploads: boolean[] = [];
  readonly areServices: boolean[] = [];
  readonly froms: number[] = [];
  readonly numbers: number[] = [];
  readonly payloads: string[] = [];
  readonly clientIds: Nullable<string> = [];
  readonly parents: Nullable<number> = [];
  readonly threads: Nullable<number> = [];
  /** Of each message that was given: which of those that are told it is, from 0. */
  readonly indexes: number[] = [];
  private readonly talks = new Map<string, Talk>();

  constructor(given: readonly Sending[]) {
    for (const sending of given) this.indexes.push(this.add(sending));
  }

  private add(sending: Sending): number {
    const { clientId } = sending;
    const talk = this.talkOf(sending);
    const { origin, known } = this.senderOf(talk, sending);
    if (clientId !== null) {
      const first = known.get(clientId);
      if (first !== undefined) return first;
      known.set(clientId, this.froms.length);
    }
    const number = (this.counts[talk.place - 1] ?? 0) + 1;
    this.counts[talk.place - 1] = number;
    this.lasts[origin - 1] = number;
    this.numbers.push(number);
    this.payloads.push(sending.payload);
    this.clientIds.push(clientId);
    this.parents.push(sending.parent ?? null);
    this.threads.push(sending.thread ?? null);
    return this.froms.push(origin) - 1;
  }

  private talkOf({ tenant, conversation }: Sending): Talk {
    // No tenant has a `/`.
    const key = `${tenant}/${conversation}`;
    const there = this.talks.get(key);
    if (there !== undefined) return there;
    this.ids.push(conversation);
    this.counts.push(0);
    const talk = { place: this.tenants.push(tenant), senders: new Map<string, Sender>() };
    this.talks.set(key, talk);
    return talk;
  }

  /** A user with other rights is another sender. */
  private senderOf({ place, senders }: Talk, { sender: user, hasUploads = false, isService = false }: Sending): Sender {
    const key = hasUploads || isService ? `${hasUploads}${isService}/${user}` : `/${user}`;
    const there = senders.get(key);
    if (there !== undefined) return there;
    this.places.push(place);
    this.lasts.push(0);
    this.areUploads.push(hasUploads);
    this.areServices.push(isService);
    const sender = { origin: this.senders.push(user), known: new Map<string, number>() };
    senders.set(key, sender);
    return sender;
  }
}
