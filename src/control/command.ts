/** What operators can tell a node, and what a node answers. The same whether it comes by HTTP here or from another node. */
import { z } from 'zod';
import { BACKEND_CLOSE_CODES, DEFAULT_BACKEND_CLOSE, type BackendCloseCode } from '../protocol/close-codes.ts';
import { MAX_TOPICS_PER_FRAME, MAX_USER_LENGTH } from '../protocol/limits.ts';
import { isTenant } from '../protocol/topic.ts';

const DAY_SECS = 86_400;

/** A change that ends by itself after so many seconds; without, it stays until it is changed back. */
const ttl = z
  .int()
  .min(1)
  .max(7 * DAY_SECS)
  .optional()
  .describe('seconds after which the change reverts by itself');
export const user = z.string().min(1).max(MAX_USER_LENGTH);
/** As in tokens: another one could hold the `/` that ends it in the key of a user. */
const tenant = z.string().refine(isTenant, 'expected at most 64 characters [A-Za-z0-9_:-]').default('');
const reconnect = z
  .boolean()
  .default(false)
  .describe('true closes with 4107, after which clients come back; false with 4009, after which they stay away');
/** Longer than any name: what is no topic is told by the rules of topics. */
const MAX_NAME = 512;
/** A control frame holds 125 bytes, of which the code takes two (RFC 6455 section 5.5). */
const MAX_CLOSE_TEXT = 123;
const rate = z.number().positive().max(1_000_000_000).optional();
export const topicNames = z.array(z.string().min(1).max(MAX_NAME)).min(1).max(MAX_TOPICS_PER_FRAME);
export const connectionId = z.string().min(1).max(128);
export const sessionId = z.string().min(1).max(256);
export const closeCode = z
  .literal(Object.keys(BACKEND_CLOSE_CODES).map(Number) as BackendCloseCode[])
  .default(DEFAULT_BACKEND_CLOSE)
  .describe('of the close frame: its hundred says whether the client comes back');
export const closeText = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= MAX_CLOSE_TEXT, `expected at most ${MAX_CLOSE_TEXT} bytes`)
  .default('a backend closed this connection')
  .describe('of the close frame, for people');

const NOTIFICATION = z.strictObject({
  level: z.enum(['info', 'warning', 'error', 'critical']).default('info'),
  message: z.string().min(1).max(2_000),
  title: z.string().max(200).optional(),
  actions: z
    .array(z.strictObject({ label: z.string().max(100), url: z.string().max(2_000) }))
    .max(5)
    .optional(),
  code: z.string().max(100).optional(),
  ttl_ms: z.int().min(1).optional(),
});

export const COMMANDS = {
  emergency_mode: z.strictObject({
    mode: z.enum(['read_only', 'normal']).describe('read_only refuses everything that publishes'),
    ttl_secs: ttl,
  }),
  admission: z.strictObject({
    admits: z.boolean().describe('whether new connections are taken; those that are open stay'),
    ttl_secs: ttl,
  }),
  rate_limits: z
    .strictObject({ connection_rps: rate, user_rps: rate, global_rps: rate, ttl_secs: ttl })
    .refine(
      (limits) => (limits.connection_rps ?? limits.user_rps ?? limits.global_rps) !== undefined,
      'expected at least one of connection_rps, user_rps, global_rps',
    ),
  log_level: z.strictObject({
    level: z.string().min(1).max(500).describe('as logging.level: info,connection=debug'),
    ttl_secs: ttl,
  }),
  broadcast: z.strictObject({ type: z.literal('SystemNotification'), data: NOTIFICATION }),
  disconnect: z.strictObject({ connection_id: connectionId, reconnect }),
  disconnect_user: z.strictObject({ user, tenant, reconnect }),
  disconnect_tenant: z.strictObject({
    tenant: z.string().min(1).refine(isTenant, 'expected at most 64 characters [A-Za-z0-9_:-]'),
    reconnect,
  }),
  revoke: z
    .strictObject({
      jti: z.string().min(1).max(128).optional().describe('one token'),
      user: user.optional().describe('all tokens of a user issued until now, or until issued_before'),
      tenant,
      issued_before: z.number().positive().optional().describe('seconds since 1970; alone: the tokens of everybody'),
      closed: z
        .boolean()
        .optional()
        .describe('with user: true refuses these tokens with 403 account_inactive, instead of 401 token_revoked'),
      ttl_secs: z
        .int()
        .min(1)
        .max(3_650 * DAY_SECS)
        .default(30 * DAY_SECS)
        .describe('how long it is remembered: at least as long as your longest tokens live'),
    })
    .refine(
      (target) => target.jti !== undefined || target.user !== undefined || target.issued_before !== undefined,
      'expected at least one of jti, user, issued_before',
    ),
  rights_changed: z.strictObject({
    user: user.optional().describe('whose; without, everybody of the tenant'),
    tenant,
    topic: z.string().min(1).max(512).optional().describe('on which topic or pattern; without, on all'),
  }),
  trace: z.strictObject({
    topics: z.string().min(1).max(512).describe('a topic name, a pattern, or @user:<user id>'),
    enabled: z.boolean(),
    ttl_secs: ttl,
  }),
  replay: z.strictObject({
    app: z.string().min(1).max(64).describe('the application whose dead letters they are'),
    ids: z.array(z.string().min(1).max(200)).min(1).max(1_000).optional().describe('which of them; without, all'),
  }),
  drain: z.strictObject({}),
  // What backends ask for their users; operators have endpoints of their own.
  close_connections: z.strictObject({
    tenant,
    user: user.optional(),
    session_id: sessionId.optional(),
    connection_id: connectionId.optional(),
    code: closeCode,
    reason: closeText,
  }),
  change_subscriptions: z.strictObject({
    user,
    tenant,
    subscribed: z.boolean().describe('whether they are subscribed to from now on, or no longer'),
    topics: topicNames,
  }),
  // What applications tell; operators have no endpoint for these.
  notify_user: z.strictObject({ user, tenant, event: z.string().min(1).max(100), data: z.unknown() }),
  app_event: z.strictObject({
    app: z.string().min(1).max(64),
    event: z.string().min(1).max(100),
    data: z.unknown(),
    node: z.string().max(64).describe('the node that tells it'),
  }),
} as const;

export type CommandName = keyof typeof COMMANDS;

export type ArgumentsOf<N extends CommandName> = z.output<(typeof COMMANDS)[N]>;

/** A command with its arguments, as the schema has read them. */
export type Command = { [N in CommandName]: { readonly name: N; readonly arguments: ArgumentsOf<N> } }[CommandName];

/** One node's acknowledgement. */
export interface Outcome {
  readonly node: string;
  /** False for a dry run, and when there was a problem. */
  readonly applied: boolean;
  /** What the command touches, or would touch. */
  readonly connections: number;
  readonly messages_per_second: number;
  /** When it ends by itself, in ms since 1970. */
  readonly until: number | null;
  /** Why it was not carried out. */
  readonly problem?: string;
}

/** A live node, as it says of itself. */
export interface Member {
  readonly node: string;
  /** Tells this run of the node from others of the same name. */
  readonly instance: string;
  /** Where its HTTP endpoints are, for people. */
  readonly address: string;
  /** The number at the end of its name, as a StatefulSet gives it; `null` when there is none. */
  readonly ordinal: number | null;
  readonly version: string;
  readonly mode: string;
  readonly connections: number;
  /** Both in ms since 1970, by the node's clock. */
  readonly started_at: number;
  readonly seen_at: number;
}

/** A node that lives no more and did not say that it ends. */
export interface Departed {
  readonly node: string;
  /** In ms since 1970, by its own clock. */
  readonly seen_at: number;
}

/** Carries a command out on a node. */
export type Execute = (command: Command, dryRun: boolean) => Outcome;

/** Brings commands to every node and the acknowledgements back. */
export interface ControlBus {
  /** @param informed called, once or more often, when this node knows what holds for all of them */
  start(execute: Execute, describe: () => Member, informed: () => void): Promise<void>;
  /**
   * Every live node's acknowledgement, or what is known of one that did not answer.
   * @param only the one node that shall do it; all when left out
   */
  send(command: Command, dryRun: boolean, only?: string): Promise<readonly Outcome[]>;
  /** Tells every node and waits for nobody: lost where a node does not hear it. */
  tell(command: Command): void;
  /** Every live node. */
  members(): Promise<readonly Member[]>;
  /** Nodes of the last hour that ended without saying goodbye, and did not come back under their name. */
  departed(members: readonly Member[]): Promise<readonly Departed[]>;
  stop(): Promise<void>;
}
