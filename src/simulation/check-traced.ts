/** The ends that the message trace tells of, held against what clients really received. */
import { explainFor, locate } from '../node/why.ts';
import type { Recipient, TracedMessage } from '../telemetry/message-trace.ts';
import { promise } from './violation.ts';
import type { World } from './world.ts';

const TRUE = 'the trace tells the truth';
const COMPLETE = 'the trace misses nothing';

/** To be called when everything is at rest: connected clients have read what they were sent. */
export function checkTraced(world: World): void {
  const { tracing } = world.router;
  const { kept, messages } = tracing.usage;
  promise(kept <= messages, 'the trace is bounded', () => `${kept} messages are kept of ${messages}`);
  for (const message of tracing.messages()) {
    const { topic, epoch, sequence, recipients } = message;
    promise(world.ledger.has(topic, epoch, sequence), TRUE, () => `${name(message)} was never stored`);
    const { size } = recipients;
    promise(
      size <= tracing.usage.recipients,
      'the trace is bounded',
      () => `${name(message)} lists ${size} recipients`,
    );
    for (const recipient of recipients.values()) checkRecipient(world, message, recipient);
    if (message.tracedUntil !== null) continue;
    checkReceipts(world, message);
    checkOpenConnections(world, message);
    checkExplained(world, message);
  }
}

function checkRecipient(world: World, message: TracedMessage, recipient: Recipient): void {
  const { connection, end, gap, deliveries, cause } = recipient;
  promise(
    end !== 'displaced' || message.tracedUntil !== null,
    COMPLETE,
    () => `${name(message)} is displaced for ${connection}, although everybody is at the head`,
  );
  if (!isSound(world, connection)) return;
  const receipts = world.ledger.receipts(message.topic, message.epoch, message.sequence).get(connection);
  const count = (receipts?.inOrder ?? 0) + (receipts?.asked ?? 0);
  promise(
    deliveries <= count,
    TRUE,
    () => `${name(message)} was handed to ${connection} ${deliveries} times, and arrived ${count} times`,
  );
  if (gap === null || cause === 'history_lost') return;
  promise(
    world.ledger.wasTold(connection, message.topic, gap[0], gap[1]),
    TRUE,
    () => `${connection} was not told of Gap ${gap[0]}..${gap[1]} with ${name(message)}`,
  );
}

/** A client that received it has it as its end, or is among those that are only counted. */
function checkReceipts({ ledger }: World, message: TracedMessage): void {
  const { others, recipients } = message;
  const listed = new Map([...recipients.values()].map((recipient) => [recipient.connection, recipient]));
  let unlisted = 0;
  for (const [connection, { inOrder }] of ledger.receipts(message.topic, message.epoch, message.sequence)) {
    if (inOrder > 0 && (listed.get(connection)?.deliveries ?? 0) === 0) unlisted += 1;
  }
  const counted = (others.written ?? 0) + (others.replayed ?? 0);
  promise(
    unlisted <= counted,
    COMPLETE,
    () => `${unlisted} connections got ${name(message)} without being listed, ${counted} are counted`,
  );
}

/** A message that was routed here has an end for everybody who has moved past it. */
function checkOpenConnections({ node }: World, message: TracedMessage): void {
  if (message.stages.routed === undefined || Object.keys(message.others).length > 0) return;
  for (const { subscriptions, number, id } of node.connections) {
    const subscription = subscriptions.find(({ topic }) => topic.name === message.topic);
    if (subscription === undefined || subscription.topic.epoch !== message.epoch) continue;
    promise(
      subscription.joined >= message.sequence || message.recipients.has(number),
      COMPLETE,
      () => `${name(message)} has no end for ${id}, which went from ${subscription.joined} to ${subscription.written}`,
    );
  }
}

function checkExplained(world: World, message: TracedMessage): void {
  const { node, ledger, clients } = world;
  if (Object.keys(message.others).length > 0) return;
  const parts = { connections: node.connections, context: node.parts.context };
  for (const client of clients) {
    const { verdict, sentence } = explainFor(parts, locate(parts, message.id), client.name);
    const said = (): string => `${name(message)}: ${sentence}`;
    promise(verdict !== 'pending', TRUE, said);
    const receipts = [...ledger.receipts(message.topic, message.epoch, message.sequence)];
    const got = receipts.some(([connection, { inOrder }]) => inOrder > 0 && client.connections.has(connection));
    promise(!got || verdict === 'delivered', TRUE, said);
  }
}

/** Whether everything that was handed to the connection's socket has arrived. */
function isSound({ node, clients }: World, id: string): boolean {
  const connection = node.connections.find((open) => open.id === id);
  return clients.some(({ link }) => link !== null && !link.isCut && connection?.transport === link);
}

function name({ topic, epoch, sequence }: TracedMessage): string {
  return `${topic} ${epoch} ${sequence}`;
}
