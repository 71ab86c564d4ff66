/** Commands whose effect lasts: nodes that start later adopt them, and nodes that missed one make up for it. */
import { COMMANDS, type Command, type CommandName } from './command.ts';

/** A command as it is kept for all nodes. */
export interface StandingOrder {
  /** Tells two orders of the same kind apart. */
  readonly id: string;
  readonly command: Command;
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

/**
 * What is kept of a command, by place: one order for each thing that it changes, so that a later command replaces no
 * more than it says. Empty for what does not last.
 */
export function ordersOf(id: string, command: Command, now: number): ReadonlyMap<string, StandingOrder> {
  if (!STANDING.has(command.name)) return new Map();
  const seconds = 'ttl_secs' in command.arguments ? command.arguments.ttl_secs : undefined;
  const until = seconds === undefined ? null : now + seconds * 1_000;
  const prefix = until !== null && REVERTING.has(command.name) ? TEMPORARY : '';
  return new Map(partsOf(command).map((part) => [`${prefix}${placeOf(part)}`, { id, command: part, until }]));
}

/** What an order takes away beside what stood in its place: the temporary change, when it says what stays. */
export function endedBy(place: string, { command }: StandingOrder): string | null {
  return REVERTING.has(command.name) && !isTemporary(place) ? `${TEMPORARY}${place}` : null;
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
  const { jti, tenant, user, issued_before: before } = command.arguments;
  // One of each, so that a later revocation of the same user takes the place of the earlier one.
  if (jti !== undefined) return `revoke jti ${jti}`;
  return user === undefined ? `revoke all ${before ?? ''}` : `revoke user ${tenant}/${user}`;
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

/** @returns `null` like {@link readCommand} */
export function readOrder(text: string): StandingOrder | null {
  try {
    const { id, command, until } = JSON.parse(text) as { id?: unknown; command?: unknown; until?: unknown };
    const read = readCommand(command);
    if (read === null || typeof id !== 'string' || (until !== null && typeof until !== 'number')) return null;
    return { id, command: read, until };
  } catch {
    return null;
  }
}
