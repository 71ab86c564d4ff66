/** A rule of [topics]: what is otherwise than in the section, for the topics that its pattern matches. */
import { z } from 'zod';

export const topicRule = z.strictObject({
  pattern: z.string().min(1).describe('topics that the rule is for: a name, or a pattern with a literal first segment'),
  history: z.int().min(0).optional().describe('messages kept; 0 makes the topics ephemeral; default: topics.history'),
  age_secs: z.int().min(1).optional().describe('how long messages are kept; default: topics.age_secs'),
  max_bytes: z.int().min(1_024).optional().describe('bytes kept per topic; default: topics.max_bytes'),
  conflate: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe(
      'for ephemeral topics: the field of payloads of which slow readers get the newest message of each value; the rest is counted in a Gap',
    ),
  subscribe: z.array(z.string()).optional().describe('roles that may subscribe; default: topics.subscribe'),
  publish: z.array(z.string()).optional().describe('roles that may publish; default: topics.publish'),
  presence: z
    .enum(['off', 'user', 'connection'])
    .optional()
    .describe('whether it is kept who is present: users, or each of their connections; default: topics.presence'),
  presence_enter: z.array(z.string()).optional().describe('roles that may be present; default: presence.enter'),
  presence_read: z.array(z.string()).optional().describe('roles that may see who is present; default: presence.read'),
  presence_count: z
    .array(z.string())
    .optional()
    .describe('roles that may see how many are present; default: presence.count'),
});
