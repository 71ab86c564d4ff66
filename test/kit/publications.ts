/** Publications of every kind, each with the frame that a client has to get. */
import * as fc from 'fast-check';
import { MAX_FRAME_ID_LENGTH, MAX_TRACE_LENGTH, MAX_USER_LENGTH } from '../../src/protocol/limits.ts';
import { messageId, type Publication } from '../../src/protocol/position.ts';
import { directTopic, qualify, topicDigest } from '../../src/protocol/topic.ts';
import { jsonValues, texts, topicNames } from './client-frames.ts';

export interface PublicationExample {
  readonly publication: Publication;
  readonly wire: { readonly data: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>;
}

const times = fc.integer({ min: 0, max: 4_000_000_000_000 });

export const publications: fc.Arbitrary<PublicationExample> = fc
  .record({
    tenant: fc.constantFrom('', 'acme'),
    name: topicNames,
    direct: fc.boolean(),
    logged: fc.boolean(),
    sequence: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.maxSafeNat()),
    epoch: fc.stringMatching(/^[A-Za-z0-9_-]{12}$/),
    timestamp: times,
    from: texts(MAX_USER_LENGTH),
    clientId: fc.option(texts(MAX_FRAME_ID_LENGTH), { nil: undefined }),
    trace: fc.option(texts(MAX_TRACE_LENGTH), { nil: undefined }),
    payload: jsonValues,
  })
  .map(({ tenant, name, direct, logged, sequence, epoch, timestamp, from, clientId, trace, payload }) => {
    const topic = direct ? directTopic(tenant, name) : qualify(tenant, name);
    const id = logged ? messageId(timestamp, sequence, topicDigest(topic)) : '';
    const position = logged ? { epoch, sequence } : null;
    const base = { topic, id, position, from, clientId, trace, timestamp };
    const data = {
      ...(direct ? { from_user: from } : { topic: name, from }),
      ...position,
      ...(clientId !== undefined && { client_id: clientId }),
      payload,
    };
    const envelope = { timestamp, ...(logged && { id }), ...(trace !== undefined && { trace }) };
    return {
      publication: { ...base, payload: JSON.stringify(payload) },
      wire: { type: direct ? 'DirectMessage' : 'Broadcast', ...envelope, data },
    };
  });
