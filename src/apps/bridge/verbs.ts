/** `./signalbox bridge trace`: where a message is. */
import { messagePlace } from '../../protocol/position.ts';
import type { Shell, Verb } from '../verb.ts';
import type { Settings } from './settings.ts';
import type { QueuedMessage } from './trace/in-queues.ts';
import type { PublishedMessage } from './trace/published.ts';
import type { Step, TracedMessage } from './trace/trace.ts';
import type { NamedTrouble } from './troubles.ts';
import type { TenantWork } from './work-times.ts';

interface Answer {
  readonly messages: readonly TracedMessage[];
  readonly inQueues: readonly QueuedMessage[];
  readonly queues: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export const verbs: readonly Verb<Settings>[] = [
  {
    name: 'trace',
    summary: 'where a message is, by the id of WhatsApp (wamid.…), of Genesys, or a number (+49…): all its steps',
    usage: '<id or number> [tenant]',
    run: trace,
  },
  {
    name: 'work',
    summary: 'how long messages of each tenant take on this node, and what goes wrong with which tenant',
    usage: '',
    run: work,
  },
];

interface Work {
  readonly node: string;
  readonly tenants: readonly TenantWork[];
  readonly troubles: readonly NamedTrouble[];
}

async function work(shell: Shell<Settings>): Promise<number> {
  const { status, body } = await shell.request('GET', '/apps/bridge/work');
  if (status !== 200) return refused(shell, status, body);
  const { node, tenants, troubles } = body as Work;
  if (tenants.length === 0) shell.print(`${node} has worked at no message yet`);
  for (const { tenant, messages, seconds, p50, p99 } of tenants)
    shell.print(`${tenant}: ${messages} messages, mean ${ms(seconds / messages)}, p50 ${ms(p50)}, p99 ${ms(p99)}`);
  for (const { trouble, tenant, times, says, cure } of troubles) {
    shell.print(`${trouble}${tenant === '' ? '' : ` of ${tenant}`}, ${times} times: ${says}`);
    shell.print(`  ${cure}`);
  }
  return 0;
}

function ms(seconds: number): string {
  return `${(seconds * 1_000).toFixed(1)} ms`;
}

function refused({ print }: Shell<Settings>, status: number, body: unknown): number {
  const message = (body as { readonly error?: { readonly message?: string } } | null)?.error?.message;
  print(`the server answered ${status}: ${message ?? JSON.stringify(body)}`);
  return 1;
}

async function trace(shell: Shell<Settings>): Promise<number> {
  const [what, tenant] = shell.words;
  if (what === undefined) {
    shell.print('expected the id of a message at WhatsApp or Genesys, or a number with +');
    return 1;
  }
  const name = nameOf(what);
  const query = new URLSearchParams({ [name]: what, ...(tenant !== undefined && { tenant }) });
  const { status, body } = await shell.request('GET', `/apps/bridge/trace?${query.toString()}`);
  if (status !== 200) return refused(shell, status, body);
  const { messages, inQueues, queues } = body as Answer;
  for (const message of messages) printOne(shell, message);
  for (const message of inQueues) printQueued(shell, message);
  if (messages.length + inQueues.length > 0) return 0;
  shell.print(
    'no message of this tenant is known by that: its webhook never came, or the node that took it has ended since',
  );
  for (const [queue, { ready = 0, later = 0, dead = 0 }] of Object.entries(queues))
    shell.print(`  ${queue}: ${ready} wait, ${later} are tried again later, ${dead} dead letters`);
  return 1;
}

/** What somebody has of a message. The id of a message in a conversation is that of the server's own trace. */
function nameOf(what: string): 'wamid' | 'number' | 'id' | 'genesysId' {
  if (what.startsWith('wamid.')) return 'wamid';
  if (/^\+[\d ()-]+$/.test(what)) return 'number';
  return messagePlace(what) === null ? 'genesysId' : 'id';
}

function printOne({ print }: Shell<Settings>, message: TracedMessage): void {
  const way = message.direction === 'in' ? 'from' : 'to';
  print(`message ${message.id}: ${message.kind} ${way} ${message.number}, ${message.status}`);
  printSteps(print, message.steps);
  if (message.published !== null) printPublished(print, message.published);
  else if (message.sequence !== null) print(`  conversation.${message.conversation}, position ${message.sequence}`);
  print(`  ${message.says}`);
}

function printPublished(print: Shell<Settings>['print'], published: PublishedMessage): void {
  const { id, topic, position, stages, isTraced, note, recipients, others, silent } = published;
  const epoch = position.epoch === null ? '' : ` of epoch ${position.epoch}`;
  print(`  published as ${id} in ${topic}, position ${position.sequence}${epoch}`);
  for (const { stage, at } of stages) print(`    ${stage.padEnd(12)} ${at}`);
  if (!isTraced) print(`    ${note ?? 'the server has written down nothing of it'}`);
  for (const { user, connection, end, at, says } of recipients)
    print(says === null ? `    ${user} on ${connection}: ${end} ${at ?? ''}` : `    ${user} ${says}`);
  for (const [end, count] of Object.entries(others)) print(`    ${count} others: ${end}`);
  for (const problem of silent) print(`    This is not the whole answer: ${problem}`);
}

function printQueued({ print }: Shell<Settings>, { id, queue, state, steps, says }: QueuedMessage): void {
  print(`message ${id} in ${queue}, ${state}`);
  printSteps(print, steps);
  print(`  ${says}`);
}

function printSteps(print: Shell<Settings>['print'], steps: readonly Step[]): void {
  for (const { stage, at, node, afterMs, reason } of steps)
    print(
      `  ${stage.padEnd(14)} ${at}  +${afterMs} ms${node === '' ? '' : `  ${node}`}${reason === undefined ? '' : `  ${reason}`}`,
    );
}
