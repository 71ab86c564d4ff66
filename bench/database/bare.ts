/** What stores of messages are held against: the library of the database alone, with the same batches, in slices that alternate. */
import { systemClock as clock } from '../../src/telemetry/system-clock.ts';
import { median } from '../statistics.ts';

export interface Message {
  readonly conversation: string;
  readonly sender: string;
  readonly clientId: string;
  readonly payload: string;
}

const SLICES = 12;
const TURNS = 60;
const TABLE =
  'create table bench_messages (conversation text, sender text, client_id text, payload text, primary key (conversation, sender, client_id))';
const INSERT =
  'insert into public.bench_messages select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) on conflict do nothing returning client_id';

export function columns(messages: readonly Message[]): string[][] {
  return [
    messages.map((it) => it.conversation),
    messages.map((it) => it.sender),
    messages.map((it) => it.clientId),
    messages.map((it) => it.payload),
  ];
}

/** The library of the database alone. */
export interface Bare {
  readonly name: string;
  query(text: string, values?: unknown[]): Promise<unknown>;
}

export async function makeBareTable(bare: Bare): Promise<void> {
  await bare.query('drop table if exists bench_messages');
  await bare.query(TABLE);
}

/**
 * @param turn what comes in one turn @param store stores it in the way that is measured
 * @returns a line with the rates of both, and the median ratio of neighbouring slices
 */
export async function againstBare(
  library: Bare,
  name: string,
  turn: () => readonly Message[],
  store: (messages: readonly Message[]) => Promise<unknown>,
): Promise<string> {
  let count = 0;
  const slice = async (work: (messages: readonly Message[]) => Promise<unknown>): Promise<number> => {
    const started = clock.elapsed();
    count = 0;
    for (let at = 0; at < TURNS; at += 1) {
      const messages = turn();
      count += messages.length;
      await work(messages);
    }
    return (clock.elapsed() - started) / 1_000;
  };
  const bare: number[] = [];
  const stored: number[] = [];
  for (let at = 0; at < SLICES; at += 1) {
    bare.push(await slice((messages) => library.query(INSERT, columns(messages))));
    stored.push(await slice(store));
  }
  const rate = (spent: readonly number[]): number => Math.round(count / median(spent));
  // The first slices warm both up.
  const ratio = median(bare.slice(1).map((spent, at) => spent / (stored[at + 1] ?? spent)));
  return `${count / TURNS} messages a turn: ${library.name} alone ${rate(bare)}/s, ${name} ${rate(stored)}/s, ratio ${ratio.toFixed(2)}`;
}
