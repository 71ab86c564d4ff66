/** Events of a client as frames, and what became of them: acknowledgements are answers to frames. */
import type { ClientEvent, EventAnswer, ServerEvent } from '../../node/event-table.ts';
import { isRefusal, refusal, type Refusal } from '../../protocol/errors.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { MAX_FRAME_ID_LENGTH } from '../../protocol/limits.ts';

interface Request {
  /** The number of the acknowledgement that the client waits for. */
  readonly ack: number | undefined;
  /** `null` for what no event can be made of. */
  readonly event: ClientEvent | null;
  readonly args: readonly JsonValue[];
}

/** An event as it came: its arguments, and their own characters. */
export interface Emitted {
  readonly args: readonly JsonValue[];
  readonly texts: readonly string[];
  readonly ack: number | undefined;
}

/** Events of one connection that wait for their answers; its inbox holds fewer. */
const MOST = 8_192;

/** Ids of its own publications that a client is not sent: those of an application's events that are under way. */
const MOST_OWN = 1_024;

export class Requests {
  private readonly own = new Set<string>();
  private readonly waiting = new Map<string, Request>();
  private lastNumber = 0;

  /** @param unique a name that no other connection has. @returns the text of a frame, or why there is none */
  frameOf(event: ClientEvent, { args, texts, ack }: Emitted, unique: string): string | Refusal {
    const data = dataOf(event, args, texts, (clientId) => this.asOwn(clientId, unique));
    if (typeof data === 'object') return data;
    const own = ownId(args[0]);
    if (own !== undefined && this.waiting.has(own))
      return refusal('invalid_field', 'id: expected one that no other event has which still waits for its answer');
    const id = own ?? (ack === undefined && event.answered === undefined ? undefined : this.newId(ack));
    if (id !== undefined) {
      this.wait(id, { ack, event, args: event.answered === undefined ? [] : args });
    }
    const name = id === undefined ? '' : `,"id":${JSON.stringify(id)}`;
    return `{"type":${JSON.stringify(event.type)}${name}${data === undefined ? '' : `,"data":${data}`}}`;
  }

  /** The id of a frame that is refused unread, so that the refusal is acknowledged. */
  refusing(ack: number | undefined): string | undefined {
    if (ack === undefined) return undefined;
    const id = this.newId(ack);
    this.wait(id, { ack, event: null, args: [] });
    return id;
  }

  /** Whether the client has said that this is the id of a publication of its own. */
  isOwn(clientId: string): boolean {
    return this.own.has(clientId);
  }

  /** The request that waits for the answer to this frame; it waits no longer. */
  answered(id: string): Request | undefined {
    const request = this.waiting.get(id);
    this.waiting.delete(id);
    return request;
  }

  /** The oldest of too many will not be answered any more. */
  private wait(id: string, request: Request): void {
    this.waiting.set(id, request);
    if (this.waiting.size > MOST) this.waiting.delete(this.waiting.keys().next().value as string);
  }

  /** The oldest of too many are forgotten: their sender is sent them, too. */
  private asOwn(clientId: string | undefined, unique: string): string {
    this.lastNumber += 1;
    const id = clientId ?? `${unique}.${this.lastNumber}`;
    this.own.add(id);
    if (this.own.size > MOST_OWN) this.own.delete(this.own.values().next().value as string);
    return id;
  }

  private newId(ack: number | undefined): string {
    const id = ack === undefined ? '' : String(ack);
    if (id !== '' && !this.waiting.has(id)) return id;
    this.lastNumber += 1;
    return `e-${this.lastNumber}`;
  }
}

/** What an application makes of the answer to an event of its table. */
export function answeredEvent({ event, args }: Request, outcome: string): ServerEvent | null {
  if (event?.answered === undefined) return null;
  try {
    return event.answered(JSON.parse(outcome) as EventAnswer, args);
  } catch {
    return null;
  }
}

/** JSON text, or nothing. */
function dataOf(
  event: ClientEvent,
  args: readonly JsonValue[],
  texts: readonly string[],
  own: (clientId?: string) => string,
): string | Refusal | undefined {
  if (event.data === undefined) return texts[0];
  try {
    const made = event.data(args, own);
    if (typeof made === 'object' && made !== null && isRefusal(made)) return made;
    return made === undefined ? undefined : JSON.stringify(made);
  } catch {
    return refusal('invalid_field', 'expected other arguments of this event');
  }
}

/** The `id` of the first argument, by which the publication is known to its sender. */
function ownId(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { id } = value as { readonly id?: JsonValue };
  return typeof id === 'string' && id.length > 0 && id.length <= MAX_FRAME_ID_LENGTH && id.isWellFormed()
    ? id
    : undefined;
}
