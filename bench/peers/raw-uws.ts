/**
 * uWebSockets.js without anything around it, in the two ways in which it is used. `native`: the library's own topics.
 * `cork`: publications of one turn are queued, then every subscriber is written to once, corked: nothing written in
 * JavaScript on this library can do less, so this is the ceiling. No sequence, no log, no bounds, no rights.
 * Messages: `S<topic>`, `P<topic> <payload>`, `Q<topic> <payload>` (written to everybody and answered at once), `E<payload>` (echo).
 */
import type { WebSocket } from 'uWebSockets.js-compat';
import { uws } from '../../src/transport/uws.ts';

interface Data {
  topic: string;
}

interface Topic {
  readonly subscribers: WebSocket<Data>[];
  pending: ArrayBuffer[];
}

const SUBSCRIBE = 0x53;
const PUBLISH = 0x50;
const ASK = 0x51;
const SPACE = 0x20;
const LIBRARY_BOUND = 64 * 1024 * 1024;

const isNative = process.argv[2] === 'native';
const topics = new Map<string, Topic>();
let dirty: Topic[] = [];
let batch: ArrayBuffer[] = [];
let writing: WebSocket<Data> | null = null;

const app = uws.App();
app.ws<Data>('/*', {
  maxPayloadLength: 1024 * 1024,
  maxBackpressure: LIBRARY_BOUND,
  idleTimeout: 0,
  sendPingsAutomatically: false,
  upgrade: (res, req, context) => {
    res.upgrade<Data>(
      { topic: '' },
      req.getHeader('sec-websocket-key'),
      '',
      req.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  message: (ws, message) => {
    const bytes = new Uint8Array(message);
    if (bytes[0] === SUBSCRIBE) subscribe(ws, Buffer.from(message, 1).toString());
    else if (bytes[0] === PUBLISH) publish(bytes);
    else if (bytes[0] === ASK) answer(ws, bytes);
    else ws.send(message);
  },
  close: (ws) => {
    const subscribers = topics.get(ws.getUserData().topic)?.subscribers;
    if (subscribers === undefined) return;
    const last = subscribers.pop() as WebSocket<Data>;
    const at = subscribers.indexOf(ws);
    if (at !== -1) subscribers[at] = last;
  },
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) process.exit(1);
  process.stdout.write(`port ${uws.us_socket_local_port(socket)}\n`);
});

function subscribe(ws: WebSocket<Data>, name: string): void {
  if (isNative) ws.subscribe(name);
  else {
    ws.getUserData().topic = name;
    topicOf(name).subscribers.push(ws);
  }
  ws.send('s');
}

function topicOf(name: string): Topic {
  const known = topics.get(name);
  if (known !== undefined) return known;
  const topic: Topic = { subscribers: [], pending: [] };
  topics.set(name, topic);
  return topic;
}

function publish(bytes: Uint8Array): void {
  const space = bytes.indexOf(SPACE);
  const name = Buffer.from(bytes.buffer, 1, space - 1).toString('latin1');
  if (isNative) {
    app.publish(name, bytes.subarray(space + 1));
    return;
  }
  const topic = topics.get(name);
  if (topic === undefined) return;
  if (topic.pending.length === 0) {
    if (dirty.length === 0) setImmediate(flush);
    dirty.push(topic);
  }
  // Copied: the message's memory is the library's.
  topic.pending.push((bytes.buffer as ArrayBuffer).slice(space + 1));
}

/** The least that a room needs: one send to each of its members and the answer, in the turn in which the message came. */
function answer(ws: WebSocket<Data>, bytes: Uint8Array): void {
  const space = bytes.indexOf(SPACE);
  const name = Buffer.from(bytes.buffer, 1, space - 1).toString('latin1');
  const payload = bytes.subarray(space + 1);
  if (isNative) app.publish(name, payload);
  else for (const subscriber of topics.get(name)?.subscribers ?? []) subscriber.send(payload);
  ws.send('q');
}

function write(): void {
  for (const message of batch) writing?.send(message);
}

function flush(): void {
  const round = dirty;
  dirty = [];
  for (const topic of round) {
    const { pending } = topic;
    topic.pending = [];
    batch = pending;
    for (const ws of topic.subscribers) {
      writing = ws;
      ws.cork(write);
    }
  }
}
