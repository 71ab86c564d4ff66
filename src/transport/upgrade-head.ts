/**
 * The head of a request that asks for a WebSocket, read in one pass into the fields that a handshake needs: a map of all headers
 * as Routes have it costs a client that comes back more than looking up who it is.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js-compat';
import { clientAddress } from '../node/client-address.ts';
import type { Handshake } from '../node/handshake.ts';
import { notAscii } from './headers.ts';

// The headers that were there already, in the bits of one number.
const UPGRADE = 1;
const CONNECTION = 2;
const VERSION = 4;
const KEY = 8;
const PROTOCOL = 16;
const EXTENSIONS = 32;
const CONTENT_LENGTH = 64;
const TRANSFER_ENCODING = 128;
const ORIGIN = 256;
const AUTHORIZATION = 512;
const FORWARDED_FOR = 1_024;
const HOST = 2_048;

export class UpgradeHead implements Handshake {
  upgrade = '';
  connection = '';
  version = '';
  key = '';
  protocol = '';
  extensions = '';
  contentLength = '';
  transferEncoding = '';
  origin = '';
  host = '';
  authorization = '';
  forwardedFor = '';
  repeated = '';
  readonly query: string;
  /** Why a name in it is not what was sent, or `null`. */
  problem: string | null = null;
  private seen = 0;
  private readonly res: HttpResponse;
  private address: string | null = null;

  constructor(res: HttpResponse, req: HttpRequest) {
    this.res = res;
    // Without a question mark there is none, whatever the library's types say.
    this.query = req.getQuery() ?? '';
    req.forEach((name, value) => this.take(name, value));
  }

  /** Asked for when it is needed, because it costs a call into the kernel. */
  get peer(): string {
    return (this.address ??= peerOf(this.res));
  }

  /** Reads what later turns than that of the request may ask for. */
  keep(): void {
    this.address ??= peerOf(this.res);
  }

  private take(name: string, value: string): void {
    switch (name) {
      case 'upgrade':
        this.upgrade = this.list(UPGRADE, this.upgrade, value);
        return;
      case 'connection':
        this.connection = this.list(CONNECTION, this.connection, value);
        return;
      case 'sec-websocket-version':
        this.version = this.single(VERSION, name, this.version, value);
        return;
      case 'sec-websocket-key':
        this.key = this.single(KEY, name, this.key, value);
        return;
      case 'sec-websocket-protocol':
        this.protocol = this.list(PROTOCOL, this.protocol, this.named(name, value));
        return;
      case 'sec-websocket-extensions':
        this.extensions = this.list(EXTENSIONS, this.extensions, value);
        return;
      case 'host':
        this.host = this.single(HOST, name, this.host, value);
        return;
      case 'origin':
        this.origin = this.single(ORIGIN, name, this.origin, value);
        return;
      case 'authorization':
        this.authorization = this.single(AUTHORIZATION, name, this.authorization, this.named(name, value));
        return;
      default:
        this.takeOther(name, value);
    }
  }

  private takeOther(name: string, value: string): void {
    switch (name) {
      case 'content-length':
        this.contentLength = this.single(CONTENT_LENGTH, name, this.contentLength, value);
        return;
      case 'transfer-encoding':
        this.transferEncoding = this.single(TRANSFER_ENCODING, name, this.transferEncoding, value);
        return;
      case 'x-forwarded-for':
        this.forwardedFor = this.list(FORWARDED_FOR, this.forwardedFor, value);
        return;
      case 'idempotency-key':
      case 'traceparent':
        this.named(name, value);
        return;
      default:
    }
  }

  private named(name: string, value: string): string {
    this.problem ??= notAscii(name, value);
    return value;
  }

  private single(bit: number, name: string, before: string, value: string): string {
    if ((this.seen & bit) !== 0) this.repeated = name;
    return this.list(bit, before, value);
  }

  /** Several of one name are one list (RFC 9110 section 5.3). */
  private list(bit: number, before: string, value: string): string {
    if ((this.seen & bit) !== 0) return `${before}, ${value}`;
    this.seen |= bit;
    return value;
  }
}

function peerOf(source: Pick<HttpResponse, 'getRemoteAddressAsText'>): string {
  return Buffer.from(source.getRemoteAddressAsText()).toString('latin1');
}

/** The client's address as long as its socket is open, where no proxy is trusted to say another. */
export function addressOf(source: Pick<HttpResponse, 'getRemoteAddressAsText'>): string {
  return clientAddress({ peer: peerOf(source), forwardedFor: '' }, []);
}
