/** A server that speaks just enough of the protocol to take part in a load test, and breaks one promise. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

export type Fault = 'none' | 'loses' | 'announces' | 'repeats' | 'swaps' | 'stops short';

interface Topic {
  head: number;
  readonly subscribers: Set<WebSocket>;
  /** What was held back to be sent in the wrong order. */
  held: string | null;
}

/** The sequence at which it goes wrong, once per topic and subscriber. */
const FAULTY = 7;
const EPOCH = 'faulty';

/** Those that run; not per test, because tests that run at the same time have no end that is theirs alone. */
const servers = new Set<WebSocketServer>();

export function stopFaultyServers(): void {
  for (const server of servers) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
  servers.clear();
}

/** @returns its port */
export async function startFaultyServer(fault: Fault): Promise<number> {
  const topics = new Map<string, Topic>();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  servers.add(server);
  const topicOf = (name: string): Topic => {
    const topic = topics.get(name) ?? { head: 0, subscribers: new Set(), held: null };
    topics.set(name, topic);
    return topic;
  };

  function publish(name: string, id: string, payload: string): number {
    const topic = topicOf(name);
    topic.head += 1;
    const frame = publication(name, topic.head, id, payload);
    for (const message of messages(fault, name, topic, frame))
      for (const client of topic.subscribers) client.send(message);
    return topic.head;
  }

  server.on('connection', (client) => {
    client.on('message', (data: Buffer) => {
      const {
        type,
        id,
        data: body,
      } = JSON.parse(data.toString()) as {
        type: string;
        id: string;
        data: { topics: { topic: string }[]; topic: string; payload: string };
      };
      if (type === 'Subscribe') {
        const names = body.topics.map(({ topic }) => topic);
        for (const name of names) topicOf(name).subscribers.add(client);
        const positions = Object.fromEntries(
          names.map((name) => [name, { epoch: EPOCH, sequence: topicOf(name).head }]),
        );
        const details = { topics: names, positions, recovery: {}, rejected: [] };
        client.send(JSON.stringify({ type: 'Status', reply_to: id, data: { status: 'subscribed', details } }));
      } else if (type === 'Broadcast') {
        const sequence = publish(body.topic, id, body.payload);
        const ack = { message_id: id, status: 'delivered', topic: body.topic, id: `x-${sequence}`, sequence };
        client.send(JSON.stringify({ type: 'Ack', reply_to: id, data: ack }));
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.once('listening', resolve);
  });
  return (server.address() as AddressInfo).port;
}

function publication(topic: string, sequence: number, clientId: string, payload: string): string {
  const data = { topic, sequence, epoch: EPOCH, from: 'somebody', client_id: clientId, payload };
  return JSON.stringify({ type: 'Broadcast', id: `1795394964588-${sequence}-65wIYp`, timestamp: 1, data });
}

/** What goes out for the newest publication of a topic. */
function messages(fault: Fault, name: string, topic: Topic, frame: string): string[] {
  const { head } = topic;
  const { held } = topic;
  topic.held = null;
  if (held !== null) return [frame, held];
  if (fault === 'stops short' && head >= FAULTY) return [];
  if (head !== FAULTY) return [frame];
  switch (fault) {
    case 'loses':
      return [];
    case 'announces':
      return [
        JSON.stringify({
          type: 'Gap',
          data: { topic: name, cause: 'overflow', epoch: EPOCH, from: head, to: head, count: 1 },
        }),
      ];
    case 'repeats':
      return [frame, frame];
    case 'swaps':
      topic.held = frame;
      return [];
    default:
      return [frame];
  }
}
