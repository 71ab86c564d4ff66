/** One attempt at a connection, over one transport after the other until something comes: to the client it is one socket. */
import type { SocketPort, Transport } from '../environment.ts';
import { UNUSABLE, type HttpSocket } from './http-socket.ts';
import type { Selection } from './selection.ts';

/** A first frame takes no longer, unless it is held back. */
const PATIENCE_MS = 4_000;

export class ChosenSocket implements SocketPort {
  binaryType = '';
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  onbetter: (() => void) | null = null;
  transport: Transport;
  #inner: SocketPort | null = null;
  /** Something has come. */
  #isThrough = false;
  #cancel: () => void = () => {};
  readonly #selection: Selection;
  readonly #url: string;
  readonly #protocols: string[];
  /** It is tried beside a connection that works, which stays if this is none. */
  readonly #isTrial: boolean;

  /** @throws when the URL is none */
  constructor(selection: Selection, url: string, protocols: string[]) {
    const { transport, isTrial } = selection.begin();
    this.#selection = selection;
    this.#url = url;
    this.#protocols = protocols;
    this.transport = transport;
    this.#isTrial = isTrial;
    this.#try(transport);
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#inner?.send(data);
  }

  close(code?: number): void {
    this.#cancel();
    this.#letGo(code);
  }

  #try(transport: Transport): void {
    const inner: SocketPort & Partial<Pick<HttpSocket, 'start'>> = this.#selection.make(
      transport,
      this.#url,
      this.#protocols,
    );
    this.transport = transport;
    this.#inner = inner;
    inner.binaryType = 'arraybuffer';
    let isOpen = false;
    inner.onopen = () => {
      isOpen = true;
      // A proxy may let an upgrade pass and no frame; the others are open when their first frame has come.
      if (transport !== 'websocket') this.#through();
      this.onopen?.();
    };
    inner.onmessage = (event) => {
      if (transport === 'websocket') this.#through();
      this.onmessage?.(event);
    };
    inner.onclose = ({ code, reason }) => this.#closed(code, reason);
    inner.onerror = () => {
      if (!isOpen) this.#closed(1006, '');
    };
    this.#cancel();
    this.#cancel = this.#selection.after(PATIENCE_MS, () => this.#silent());
    inner.start?.();
  }

  #through(): void {
    if (this.#isThrough) return;
    this.#isThrough = true;
    this.#cancel();
    this.#selection.works(this.transport);
    this.#cancel = this.transport === 'websocket' ? () => {} : this.#selection.tryAgain(() => this.onbetter?.());
  }

  #silent(): void {
    if (this.transport === 'sse') return this.#closed(1006, UNUSABLE);
    if (this.transport === 'websocket' && !this.#isTrial)
      this.#cancel = this.#selection.ask(this.#url, this.#protocols, () => this.#nextOr(1006));
  }

  #closed(code: number, reason: string): void {
    const isWord = code >= 4_000;
    // The server itself refuses, so WebSocket may be as good as anything else.
    if (isWord && this.transport !== 'websocket') this.#selection.nothingWorks(false);
    if (this.#isThrough || isWord || this.#isTrial) return this.#over(code);
    if (this.transport === 'websocket') return this.#selection.failed() ? this.#nextOr(code) : this.#over(code);
    if (reason === UNUSABLE) return this.#nextOr(code);
    this.#selection.nothingWorks(false);
    this.#over(code);
  }

  #nextOr(code: number): void {
    const next = this.#selection.next(this.transport);
    if (next === null) {
      this.#selection.nothingWorks(true);
      return this.#over(code);
    }
    this.#letGo();
    this.#try(next);
  }

  #over(code: number): void {
    this.#cancel();
    this.#letGo();
    this.onclose?.({ code, reason: '' });
  }

  #letGo(code = 1000): void {
    const inner = this.#inner;
    this.#inner = null;
    if (inner === null) return;
    inner.onopen = null;
    inner.onmessage = null;
    inner.onclose = null;
    // A socket that is closed before it is open tells of an error in the middle of this call.
    inner.onerror = () => {};
    inner.close(code);
  }
}
