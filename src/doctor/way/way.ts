/** A way of clients, walked once for all the checks that look at it: each stage is begun when somebody asks for it. */
import type { Socket } from 'node:net';
import type { Patient } from '../patient.ts';
import { shakeHands, type Answer, type Wish } from './answer.ts';
import { addressesOf, openLine, openWay, type Address } from './lines.ts';
import { Wire } from './wire.ts';

/** For one connection, and for one answer: together less than a check has. */
const LINE_MS = 1_500;
const ANSWER_MS = 2_000;

export interface Tried extends Address {
  /** Why it cannot be connected to, or `null`. */
  readonly problem: string | null;
}

export interface Shaken {
  readonly answer: Answer;
  readonly line: Socket;
}

export class Way {
  readonly url: URL;
  private readonly memory = new Map<string, Promise<unknown>>();

  constructor(url: URL) {
    this.url = url;
  }

  /** Every address, with whether it answers. @throws when the name leads nowhere */
  tried(): Promise<readonly Tried[]> {
    return this.once('tried', async () =>
      Promise.all(
        (await addressesOf(this.url)).map(async (address): Promise<Tried> => {
          try {
            (await openLine(this.url, address, LINE_MS)).destroy();
            return { ...address, problem: null };
          } catch (error) {
            return { ...address, problem: messageOf(error) };
          }
        }),
      ),
    );
  }

  /** The first address that answers, as a client finds it. @throws when none does */
  async address(): Promise<Address> {
    const found = (await this.tried()).find(({ problem }) => problem === null);
    if (found === undefined) throw new Error(`nobody answers at ${this.url.host}`);
    return found;
  }

  async open(): Promise<Socket> {
    return openWay(this.url, await this.address(), LINE_MS);
  }

  async shake(wish: Wish): Promise<Shaken> {
    const line = await this.open();
    try {
      return { answer: await shakeHands(this.url, line, wish, ANSWER_MS), line };
    } catch (error) {
      line.destroy();
      throw error;
    }
  }

  /** The handshake of a client, of which the answer alone is wanted. */
  answer(token: string | undefined): Promise<Answer> {
    return this.once('answer', async () => {
      const { answer, line } = await this.shake({ token, deflate: true });
      line.destroy();
      return answer;
    });
  }

  /** A WebSocket, or `null` when none comes about. */
  async wire(wish: Wish): Promise<Wire | null> {
    const { answer, line } = await this.shake(wish);
    if (answer.isAccepted) return new Wire(line, answer.rest);
    line.destroy();
    return null;
  }

  private once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const known = this.memory.get(name) as Promise<T> | undefined;
    const asked = known ?? work();
    this.memory.set(name, asked);
    return asked;
  }
}

const walked = new WeakMap<Patient, readonly Way[]>();

export function waysOf(patient: Patient): readonly Way[] {
  const ways = walked.get(patient) ?? patient.urls.map((url) => new Way(url));
  walked.set(patient, ways);
  return ways;
}

/** The token that a way is walked with. */
export function tokenOf({ tokens }: Patient): string | undefined {
  return tokens[0];
}

export function messageOf(error: unknown): string {
  return error instanceof Error
    ? error.message || String((error as NodeJS.ErrnoException).code ?? error)
    : String(error);
}
