/** The shapes that requests and answers of the HTTP endpoints have. */
import { z } from 'zod';
import {
  MAX_EPOCH_LENGTH,
  MAX_FRAME_ID_LENGTH,
  MAX_HISTORY_LIMIT,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_PUBLISH_ITEMS,
  MAX_PRESENCE_LIMIT,
  MAX_TOPIC_LENGTH,
  MAX_USER_LENGTH,
  MAX_TRACE_LENGTH,
} from '../../protocol/limits.ts';
import { CLIENT_DATA } from '../../protocol/schema.ts';
import { TOPIC_NAME } from '../../protocol/topic.ts';

const error = {
  code: z.int(),
  reason: z.string(),
  message: z.string(),
  details: z.looseObject({ because: z.enum(['no_rule', 'role', 'token']).optional() }).optional(),
};

export const refusalBody = z
  .object({ error: z.object(error) })
  .meta({ id: 'Refusal', description: 'Why a request was refused: docs/errors.md has the reasons.' });

const topicName = z.string().max(MAX_TOPIC_LENGTH).regex(TOPIC_NAME);
const epoch = z
  .string()
  .max(MAX_EPOCH_LENGTH)
  .describe('the identity of the stream; empty while nothing was published');
const sequence = z.int().min(0);

const position = z.object({ epoch, sequence }).meta({ id: 'Position', description: 'After the message `sequence`.' });

const common = {
  payload: CLIENT_DATA.Broadcast.shape.payload.describe('any JSON value'),
  idempotency_key: CLIENT_DATA.Broadcast.shape.idempotency_key.describe(
    'the same key with the same payload is published once; another payload is refused',
  ),
  id: z
    .string()
    .min(1)
    .max(MAX_FRAME_ID_LENGTH)
    .optional()
    .describe('chosen by the sender; subscribers see it as client_id'),
  trace: z.string().max(MAX_TRACE_LENGTH).optional().describe('W3C traceparent; default: the traceparent header'),
};

const topicItem = z
  .object({ topic: topicName, target_user: z.never().optional(), ...common })
  .meta({ id: 'TopicMessage', description: 'A message to everybody who listens to a topic.' });

const userItem = z
  .object({ topic: z.never().optional(), target_user: CLIENT_DATA.DirectMessage.shape.target_user, ...common })
  .meta({ id: 'DirectMessage', description: 'A message to every device of one user.' });

/** What publish-item.ts reads by hand. */
export const publishItem = z.union([topicItem, userItem]);

export const publishRequest = z.union([publishItem, z.array(publishItem).min(1).max(MAX_PUBLISH_ITEMS)]);

const acknowledgement = z
  .object({
    message_id: z.string().optional().describe('the id of the message as its sender chose it'),
    status: z.enum(['delivered', 'queued', 'duplicate']),
    topic: z.string().optional().describe('not for direct messages'),
    id: z.string().optional().describe('not for ephemeral topics'),
    sequence: sequence.optional().describe('not for ephemeral topics'),
    epoch: epoch.optional(),
    recipients: z
      .int()
      .min(0)
      .describe(
        'subscribed connections of the node that answers; those of other nodes are not counted, so 0 does not mean nobody',
      ),
  })
  .meta({ id: 'Acknowledgement', description: 'The message is stored (on an ephemeral topic: routed).' });

const itemRefusal = z
  .object({ error: z.object({ ...error, retry_after_ms: z.number().optional() }) })
  .meta({ id: 'ItemRefusal', description: 'Why one message of several was refused.' });

export const publishResults = z
  .object({ results: z.array(z.union([acknowledgement, itemRefusal])) })
  .meta({ id: 'PublishResults', description: 'One result for each message, in order.' });

export const publishAnswer = z.union([acknowledgement, publishResults]);

export const topicParameters = z.object({
  topic: z.union([topicName, z.literal('@me')]).describe('a topic, or @me for direct messages to the caller'),
});

const positionText = z.string().regex(/^.*:\d{1,16}$/);

export const pageQuery = z.object({
  limit: z.int().min(1).max(MAX_HISTORY_LIMIT).default(100).describe('messages at most; the page ends at 256 KiB too'),
  since: positionText.optional().describe('<epoch>:<sequence>: only what is newer'),
  before: positionText.optional().describe('<epoch>:<sequence>: only what is older'),
  reverse: z.enum(['true', 'false']).default('false').describe('newest first'),
});

export const publishHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .max(MAX_IDEMPOTENCY_KEY_LENGTH + 2)
    .optional()
    .describe('idempotency_key of a single message; quotes around it do not count'),
  traceparent: z.string().optional().describe('W3C trace context of messages without a trace'),
});

const publication = z
  .object({
    type: z.enum(['Broadcast', 'DirectMessage']),
    id: z.string(),
    timestamp: z.int().describe('ms since 1970'),
    trace: z.string().optional(),
    data: z.object({
      topic: z.string().optional(),
      from: z.string().optional(),
      from_user: z.string().optional(),
      sequence,
      epoch,
      client_id: z.string().optional(),
      payload: z.unknown(),
    }),
  })
  .meta({ id: 'Publication', description: 'A publication frame as subscribers get it: docs/protocol.md.' });

export const page = z
  .object({
    topic: z.string(),
    complete: z.boolean().describe('false when messages between since and the page are gone'),
    reason: z.enum(['history_lost', 'unknown_epoch']).optional().describe('since is not a position of this stream'),
    position: position.describe('the head of the topic'),
    next: position.optional().describe('since (with reverse: before) of the next page; none on the last one'),
    messages: z.array(publication),
  })
  .meta({ id: 'Page', description: "A page of a topic's log, as `Status history` gives it." });

export const presenceQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PRESENCE_LIMIT).optional().describe('members of a page, about'),
  after: z.string().max(MAX_TOPIC_LENGTH).optional().describe('next of the page before'),
  user: z.string().min(1).max(MAX_USER_LENGTH).optional().describe('only this member'),
});

export const presenceMembers = z
  .object({
    topic: z.string(),
    count: z.int().min(0).describe('members in all'),
    position: position.describe('where the log of the presence stood before the members were read'),
    members: z
      .array(
        z.object({
          user: z.string(),
          connection: z.string().optional().describe('where each connection is a member'),
          data: z.looseObject({}).describe('as the client gave it: nobody has checked it'),
          connections: z.int(),
          since: z.int().describe('ms since 1970'),
          sequence: z.int().describe('of the last change that was told'),
        }),
      )
      .optional()
      .describe('missing where the token may only count, or there are more than presence.max_members_listed'),
    next: z.string().optional().describe('after of the next page; none on the last one'),
  })
  .meta({ id: 'PresenceMembers', description: 'Members of a topic, as `Status presence_members` gives them.' });

export const topicPosition = z
  .object({
    topic: z.string(),
    position: position.describe('the head of the topic'),
    first: z.int().min(0).describe('sequence of the oldest message that can be read; head + 1 when there is none'),
  })
  .meta({ id: 'TopicPosition' });
