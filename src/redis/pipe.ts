/**
 * A connection for writes once the client library has opened it: a pipeline goes out as one text, and its replies come back
 * without the library, which goes on opening, closing and watching the connection.
 */
import type { Socket } from 'node:net';
import type { Results, Sendable } from './command.ts';
import { failureOf, isFailure, NOT_CONNECTED } from './failure.ts';
import { encodeCommand, ReplyReader, UNFINISHED } from './resp.ts';
import { takeOver } from './take-over.ts';

interface Pipeline {
  readonly count: number;
  readonly results: unknown[];
  readonly answered: (results: Results) => void;
}

export class Pipe {
  private readonly stream: Socket;
  private readonly demoted: () => void;
  private readonly reader = new ReplyReader();
  /** In the order of their replies. */
  private waiting: Pipeline[] = [];

  private constructor(stream: Socket, demoted: () => void) {
    this.stream = stream;
    this.demoted = demoted;
  }

  /**
   * @param demoted told when the server takes no writes any more
   * @returns `null` when the library keeps the connection
   */
  static on(stream: Socket, demoted: () => void): Pipe | null {
    const pipe = new Pipe(stream, demoted);
    if (takeOver(stream, (bytes) => pipe.received(bytes)) === null) return null;
    stream.once('close', () => pipe.closed());
    return pipe;
  }

  /** @param answered called once, with one result for each command */
  send(commands: readonly Sendable[], answered: (results: Results) => void): void {
    const { stream } = this;
    if (!stream.writable) return answered(commands.map(() => NOT_CONNECTED));
    if (commands.length === 0) return answered([]);
    let text = '';
    for (const command of commands) text += encodeCommand(command);
    this.waiting.push({ count: commands.length, results: [], answered });
    stream.write(text);
  }

  private received(bytes: Buffer): void {
    this.reader.add(bytes);
    this.answerAll();
  }

  private answerAll(): void {
    for (let done = this.nextDone(); done !== null; done = this.nextDone()) {
      let isAnswered = false;
      try {
        done.answered(done.results);
        isAnswered = true;
      } finally {
        // Calls behind one that failed are answered all the same.
        if (!isAnswered) this.answerAll();
      }
    }
  }

  private nextDone(): Pipeline | null {
    try {
      for (let reply = this.reader.next(); reply !== UNFINISHED; reply = this.reader.next()) {
        const [pipeline] = this.waiting;
        if (pipeline === undefined) throw new Error('expected replies of Redis to what was asked, got one more');
        pipeline.results.push(reply);
        if (isFailure(reply) && reply.code === 'READONLY') this.demoted();
        if (pipeline.results.length < pipeline.count) continue;
        this.waiting.shift();
        return pipeline;
      }
    } catch (error) {
      // Nobody knows where the next reply begins.
      this.stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
    return null;
  }

  private closed(): void {
    const { waiting } = this;
    this.waiting = [];
    const lost = failureOf('Connection is closed.');
    for (const { count, results, answered } of waiting)
      answered([...results, ...Array.from({ length: count - results.length }, () => lost)]);
  }
}
