/**
 * An answer that comes in pieces: each is asked for when the client has taken the one before, and never piles up here. With
 * a `content-length` the client knows how much comes, and an answer that is shorter ends with its connection.
 */
import type { HttpResponse as UwsResponse } from 'uWebSockets.js-compat';
import type { Log } from '../telemetry/log.ts';

type Piece = string | Uint8Array;

export function isStream(body: unknown): body is AsyncIterable<Piece> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

export class ResponseStream {
  private readonly res: UwsResponse;
  private readonly pieces: AsyncIterator<Piece>;
  private readonly log: Log;
  /** Bytes of all pieces, where they are known. */
  private total: number | null = null;
  private isOver = false;
  /** Called when the socket has room, or there is none any more. */
  private resume: () => void = () => {};

  constructor(res: UwsResponse, body: AsyncIterable<Piece>, log: Log) {
    this.res = res;
    this.pieces = body[Symbol.asyncIterator]();
    this.log = log;
  }

  begin(statusLine: string, headers: Readonly<Record<string, string>>, isHead: boolean): void {
    const { res } = this;
    const { 'content-length': length, ...others } = headers;
    if (length !== undefined) this.total = Number(length);
    res.cork(() => {
      res.writeStatus(statusLine);
      for (const [name, value] of Object.entries(others)) res.writeHeader(name, value);
      // Of an answer with a body the library writes it itself.
      if (length !== undefined && (isHead || length === '0')) res.writeHeader('content-length', length);
      if (headers['content-type'] === undefined) res.writeHeader('content-type', 'application/octet-stream');
      if (isHead) res.endWithoutBody();
    });
    if (isHead) return this.abandon();
    res.onWritable(() => {
      this.resume();
      return true;
    });
    void this.pump();
  }

  /** The client has gone: the maker of the pieces is told, as if a loop over them had been left. */
  abandon(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.resume();
    this.pieces.return?.().catch(() => {});
  }

  private async pump(): Promise<void> {
    try {
      for (;;) {
        const next = await this.pieces.next();
        if (this.isOver) return;
        if (next.done === true) return this.end();
        if (this.total !== null) await this.writeSized(next.value, this.total);
        else if (!this.write(next.value)) await this.room();
        if (this.isOver) return;
      }
    } catch (error) {
      this.log.error('HTTP stream failed', { error: error instanceof Error ? error.stack : String(error) });
      // What came so far is no whole answer: an end of the connection is the only thing that says so.
      if (!this.isOver) {
        this.isOver = true;
        this.res.close();
      }
    }
  }

  /** @returns whether there is room for more; of the end of this piece the library says so with the next one */
  private write(piece: Piece): boolean {
    let hasRoom = true;
    this.res.cork(() => {
      hasRoom = this.res.write(piece);
    });
    return hasRoom;
  }

  /** The library keeps nothing of what the network does not take: the rest is offered again. */
  private async writeSized(piece: Piece, total: number): Promise<void> {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    const start = this.res.getWriteOffset();
    if (start + bytes.byteLength > total) throw new RangeError(`expected pieces of ${total} bytes, got more`);
    for (let at = 0; ;) {
      let taken: readonly [hasRoom: boolean, isDone: boolean] = [false, false];
      this.res.cork(() => {
        taken = this.res.tryEnd(bytes.subarray(at), total);
      });
      if (taken[1]) return this.left();
      if (taken[0]) return;
      await this.room();
      if (this.isOver) return;
      at = this.res.getWriteOffset() - start;
    }
  }

  /** Everything is sent. */
  private left(): void {
    this.isOver = true;
    this.pieces.return?.().catch(() => {});
  }

  private end(): void {
    if (this.total !== null && this.total > 0)
      throw new RangeError(`expected pieces of ${this.total} bytes, got ${this.res.getWriteOffset()}`);
    this.isOver = true;
    this.res.cork(() => void (this.total === null ? this.res.end() : this.res.endWithoutBody()));
  }

  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.resume = resolve;
    });
  }
}
