/** What operators can tell a node, and what a node answers. The same whether it comes by HTTP here or from another node. */
import { z } from 'zod';

/** A change that ends by itself after so many seconds; without, it stays until it is changed back. */
const ttl = z.int().min(1).max(604_800).optional();
const user = z.string().min(1).max(128);
const rate = z.number().positive().max(1_000_000_000).optional();

const NOTIFICATION = z.strictObject({
  level: z.enum(['info', 'warning', 'error', 'critical']),
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
  emergency_mode: z.strictObject({ mode: z.enum(['read_only', 'normal']), ttl_secs: ttl }),
  admission: z.strictObject({ admits: z.boolean(), ttl_secs: ttl }),
  rate_limits: z
    .strictObject({ connection_rps: rate, user_rps: rate, global_rps: rate, ttl_secs: ttl })
    .refine(
      (limits) =>
        limits.connection_rps !== undefined || limits.user_rps !== undefined || limits.global_rps !== undefined,
      'expected at least one of connection_rps, user_rps, global_rps',
    ),
  log_level: z.strictObject({ level: z.string().min(1).max(500), ttl_secs: ttl }),
  broadcast: z.strictObject({ type: z.literal('SystemNotification'), data: NOTIFICATION }),
  disconnect: z.strictObject({ connection_id: z.string().min(1).max(128) }),
  disconnect_user: z.strictObject({ user, tenant: z.string().max(64).default('') }),
  revoke: z
    .strictObject({
      jti: z.string().min(1).max(128).optional(),
      user: user.optional(),
      tenant: z.string().max(64).default(''),
      issued_before: z.number().positive().optional(),
      ttl_secs: ttl,
    })
    .refine(
      (target) => target.jti !== undefined || target.user !== undefined || target.issued_before !== undefined,
      'expected at least one of jti, user, issued_before',
    ),
  trace: z.strictObject({ pattern: z.string().min(1).max(256), enabled: z.boolean(), ttl_secs: ttl }),
  drain: z.strictObject({}),
} as const;

export type CommandName = keyof typeof COMMANDS;

/** A command with its arguments, as the schema has read them. */
export type Command = {
  [N in CommandName]: { readonly name: N; readonly arguments: z.output<(typeof COMMANDS)[N]> };
}[CommandName];

/** One node's acknowledgement. */
export interface Outcome {
  readonly node: string;
  /** False for a dry run. */
  readonly applied: boolean;
  /** What the command touches, or would touch. */
  readonly connections: number;
  readonly messages_per_second: number;
  /** When it ends by itself, in ms since 1970. */
  readonly until: number | null;
  /** Why it could not be carried out. */
  readonly problem?: string;
}

/** Brings commands to every node and the acknowledgements back. */
export interface ControlBus {
  /** @param execute carries a command out on this node */
  start(execute: (command: Command, dryRun: boolean) => Outcome): Promise<void>;
  /** Every node's acknowledgement. */
  send(command: Command, dryRun: boolean): Promise<readonly Outcome[]>;
  stop(): Promise<void>;
}
