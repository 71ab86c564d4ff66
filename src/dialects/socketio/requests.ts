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

export class Requests {
  private readonly waiting = new Map<string, Request>();
  private lastNumber = 0;

  /** @returns the text of a frame, or why there is none */
  frameOf(event: ClientEvent, { args, texts, ack }: Emitted): string | Refusal {
    const data = dataOf(event, args, texts);
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
): string | Refusal | undefined {
  if (event.data === undefined) return texts[0];
  try {
    const made = event.data(args);
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
