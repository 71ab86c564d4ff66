/** Commands whose effect lasts: nodes that start later adopt them, and nodes that missed one make up for it. */
import { COMMANDS, type Command, type CommandName } from './command.ts';

/** A command as it is kept for all nodes. Its times are the service's, whatever the clock of a node says. */
export interface StandingOrder {
  /** Tells two orders of the same kind apart. */
  readonly id: string;
  readonly command: Command;
  /**
   * When it was given, in ms since 1970: of two orders in one place the later one holds. Of a revocation until when the
   * tokens were issued that it revokes: the later one is the stronger.
   */
  readonly at: number;
  /** In ms since 1970; `null` when it stays. */
  readonly until: number | null;
}

const STANDING: ReadonlySet<CommandName> = new Set([
  'emergency_mode',
  'admission',
  'rate_limits',
  'log_level',
  'revoke',
  'trace',
]);

/** Kinds whose temporary change reverts to the one that stays: both are kept. */
const REVERTING: ReadonlySet<CommandName> = new Set(['emergency_mode', 'admission', 'rate_limits', 'log_level']);
const TEMPORARY = 'temporary ';

/** The command with its time in it, so that it means the same wherever and whenever it arrives. */
export function dated(command: Command, at: number): Command {
  if (command.name !== 'revoke' || command.arguments.jti !== undefined) return command;
  return { name: 'revoke', arguments: { ...command.arguments, issued_before: revokedUntil(command, at) / 1_000 } };
}

/**
 * What is kept of a command, by place: one order for each thing that it changes, so that a later command replaces no
 * more than it says. Empty for what does not last.
 * @param at when it was given
 */
export function ordersOf(id: string, command: Command, at: number): ReadonlyMap<string, StandingOrder> {
  if (!STANDING.has(command.name)) return new Map();
  const seconds = 'ttl_secs' in command.arguments ? command.arguments.ttl_secs : undefined;
  const until = seconds === undefined ? null : at + seconds * 1_000;
  const prefix = until !== null && REVERTING.has(command.name) ? TEMPORARY : '';
  const order = (part: Command): StandingOrder => ({ id, command: part, at: revokedUntil(part, at), until });
  return new Map(partsOf(command).map((part) => [`${prefix}${placeOf(part)}`, order(part)]));
}

/** What holds when two orders meet in one place: a revocation only grows stronger, of all others the later holds. */
export function prevailing(known: StandingOrder | undefined, next: StandingOrder): StandingOrder {
  if (known === undefined) return next;
  if (!growsStronger(next)) return known.at > next.at ? known : next;
  const at = Math.max(known.at, next.at);
  const until = known.until === null || next.until === null ? null : Math.max(known.until, next.until);
  if (at === known.at && until === known.until) return known;
  return { ...next, at, until, command: dated(next.command, at) };
}

/** Whether an order is merged with the one in its place, rather than taking it. */
export function growsStronger({ command }: StandingOrder): boolean {
  return command.name === 'revoke';
}

function revokedUntil(command: Command, at: number): number {
  const before = command.name === 'revoke' ? command.arguments.issued_before : undefined;
  return before === undefined ? at : Math.round(before * 1_000);
}

/** What an order takes away beside what stood in its place: the temporary change, when it says what stays. */
export function endedBy(place: string, { command }: StandingOrder): string | null {
  return REVERTING.has(command.name) && !isTemporary(place) ? `${TEMPORARY}${place}` : null;
}

/** The place of what stays, by which a temporary change in this place may have been ended. */
export function endingPlaceOf(place: string): string | null {
  return isTemporary(place) ? place.slice(TEMPORARY.length) : null;
}

/** Temporary changes are carried out after those that they revert to. */
export function isTemporary(place: string): boolean {
  return place.startsWith(TEMPORARY);
}

function partsOf(command: Command): readonly Command[] {
  if (command.name !== 'rate_limits') return [command];
  const { ttl_secs, ...rates } = command.arguments;
  const each = Object.entries(rates).filter(([, rate]) => rate !== undefined);
  return each.map(([name, rate]) => ({ name: command.name, arguments: { [name]: rate, ttl_secs } }));
}

/** What an order replaces: the last one of its kind, and for some kinds of its subject. */
function placeOf(command: Command): string {
  if (command.name === 'rate_limits') return `rate_limits ${Object.keys(command.arguments)[0] ?? ''}`;
  if (command.name === 'trace') return `trace ${command.arguments.topics}`;
  if (command.name !== 'revoke') return command.name;
  const { jti, tenant, user } = command.arguments;
  // One of each, so that a later revocation of the same user takes the place of the earlier one.
  if (jti !== undefined) return `revoke jti ${jti}`;
  return user === undefined ? 'revoke all' : `revoke user ${tenant}/${user}`;
}

/** The order as its node has to carry it out now, or `null` when its time is over. */
export function remaining({ command, until }: StandingOrder, now: number): Command | null {
  if (until === null) return command;
  const seconds = Math.ceil((until - now) / 1_000);
  if (seconds <= 0) return null;
  return { name: command.name, arguments: { ...command.arguments, ttl_secs: seconds } } as Command;
}

/** @returns `null` when another version wrote what this one does not understand */
export function readCommand(value: unknown): Command | null {
  const { name, arguments: given } = (value ?? {}) as { name?: unknown; arguments?: unknown };
  if (typeof name !== 'string' || !Object.hasOwn(COMMANDS, name)) return null;
  const read = COMMANDS[name as CommandName].safeParse(given);
  return read.success ? ({ name, arguments: read.data } as Command) : null;
}

/** As it is stored: the times first, which lua/save.lua replaces by the stronger ones. */
export function writeOrder({ at, until, id, command }: StandingOrder): string {
  return JSON.stringify({ at, until, id, command });
}

/** @returns `null` like {@link readCommand} */
export function readOrder(text: string): StandingOrder | null {
  try {
    const { id, command, at, until } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const read = readCommand(command);
    if (read === null || typeof id !== 'string' || (until !== null && typeof until !== 'number')) return null;
    if (typeof at !== 'number') return { id, command: read, at: givenAt(read, until), until };
    const isOneToken = read.name !== 'revoke' || read.arguments.jti !== undefined;
    return { id, command: isOneToken ? read : withoutTime(read, at), at, until };
  } catch {
    return null;
  }
}

/** Strengthened in the store, an order has its time beside the command. */
function withoutTime(command: Command, at: number): Command {
  return { name: command.name, arguments: { ...command.arguments, issued_before: at / 1_000 } } as Command;
}

/** An order that an earlier version has kept says only when it ends. */
function givenAt(command: Command, until: number | null): number {
  const seconds = 'ttl_secs' in command.arguments ? command.arguments.ttl_secs : undefined;
  return until === null || seconds === undefined ? 0 : revokedUntil(command, until - seconds * 1_000);
}
