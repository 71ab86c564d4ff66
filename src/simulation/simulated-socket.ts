/** A WebSocket as the client library sees one, over a simulated link: nothing arrives in the middle of a call. */
import type { SocketPort } from '../client/environment.ts';
import { CLOSE_CODES } from '../protocol/close-codes.ts';
import type { Payload } from '../protocol/codec.ts';
import { SimulatedLink } from './simulated-link.ts';

/** Opens the link on the node. */
export type Dial = (link: SimulatedLink, url: string, protocols: readonly string[]) => void;

export interface SocketWatch {
  /** A frame of the client, as text. */
  sent(text: string): void;
  /** A frame of the node, as text, before the client sees it. */
  arrives(text: string): void;
  /** The client was told that the node has closed it. */
  closed(socket: SimulatedSocket, code: number): void;
}

export class SimulatedSocket implements SocketPort {
  binaryType = 'blob';
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly link: SimulatedLink;
  readonly token: string;
  /** The client has let go of it, or was told of its end. */
  isOver = false;
  private isDialled = false;
  private readonly inbox: string[] = [];
  private readonly dial: () => void;
  private readonly watch: SocketWatch;

  constructor(kernelBytes: number, url: string, protocols: readonly string[], dial: Dial, watch: SocketWatch) {
    this.link = new SimulatedLink(kernelBytes, (payload) => this.inbox.push(textOf(payload)));
    this.token = protocols.find((entry) => entry.startsWith('access_token.'))?.slice('access_token.'.length) ?? '';
    this.dial = () => dial(this.link, url, protocols);
    this.watch = watch;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const text = textOf(data);
    this.watch.sent(text);
    if (this.link.isCut || this.link.isClosed) return;
    const bytes = new TextEncoder().encode(text);
    this.link.listener?.received(bytes.buffer, false);
  }

  close(): void {
    this.isOver = true;
    if (!this.link.isCut) this.link.break();
  }

  /** From the node, but not of it: a frame that the schedule has made up. */
  inject(frame: object): void {
    this.inbox.push(JSON.stringify(frame));
  }

  /** Shows the client the messages that have arrived. @returns whether there was something */
  deliver(): boolean {
    if (this.isOver || this.link.isCut) return false;
    if (!this.isDialled) {
      this.isDialled = true;
      this.dial();
      this.onopen?.();
      return true;
    }
    const text = this.inbox.shift();
    if (text !== undefined) {
      this.watch.arrives(text);
      this.onmessage?.({ data: text });
      return true;
    }
    if (!this.link.isClosed) return false;
    const { closeReason } = this.link;
    const code = closeReason === null ? 1006 : CLOSE_CODES[closeReason].code;
    this.isOver = true;
    this.watch.closed(this, code);
    this.onclose?.({ code, reason: '' });
    return true;
  }
}

function textOf(payload: Payload | string): string {
  return typeof payload === 'string' ? payload : Buffer.from(payload).toString();
}
