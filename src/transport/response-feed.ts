/**
 * An answer that is written as things happen. The library tells little of its buffer, and differs in what it does by itself:
 * - inside a cork every write succeeds: that bytes stayed behind is only known with the next write;
 * - with a handler for room the library sends what it holds with the next write and not before;
 * - a write that fails starts ten seconds, after which the socket is cut unless there was room in between.
 */
import type { HttpResponse as UwsResponse } from 'uWebSockets.js-compat';
import type { Feed, FeedSink } from '../node/route.ts';

export class ResponseFeed implements FeedSink {
  private readonly res: UwsResponse;
  private readonly feed: Feed;
  private isOver = false;

  constructor(res: UwsResponse, feed: Feed) {
    this.res = res;
    this.feed = feed;
  }

  begin(statusLine: string, headers: Readonly<Record<string, string>>, isHead: boolean): void {
    const { res } = this;
    res.cork(() => {
      res.writeStatus(statusLine);
      for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
      if (isHead) res.endWithoutBody();
    });
    if (isHead) return this.abandon();
    // In place of the one that the request had, which holds all of its headers for as long as the answer lasts.
    res.onAborted(() => this.abandon());
    res.onWritable(() => {
      if (!this.isOver) this.feed.writable();
      return true;
    });
    // One packet for the head and what the feed begins with.
    res.cork(() => this.feed.opened(this));
  }

  /** The client has gone. */
  abandon(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.feed.closed();
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOver) return true;
    let hasRoom = true;
    this.res.cork(() => {
      hasRoom = this.res.write(bytes);
    });
    return hasRoom;
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.res.cork(() => void this.res.end());
  }

  close(): void {
    if (!this.isOver) this.res.close();
  }
}
