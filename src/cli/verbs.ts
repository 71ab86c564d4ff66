/** The verbs of the command line, each imported when it is asked for: a health check runs every few seconds and needs none of the server. */
import type { Command } from './command.ts';

export interface VerbEntry {
  /** The same as that of the verb: help imports none of them. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const VERBS: Readonly<Record<string, VerbEntry>> = {
  serve: {
    summary: 'Runs a node until SIGTERM, SIGINT or SIGHUP; then it drains and exits 0.',
    load: async () => (await import('./serve.ts')).serve,
  },
  token: {
    summary: 'Makes a token, or checks one.',
    load: async () => (await import('./token.ts')).token,
  },
  'check-config': {
    summary: 'Checks the configuration as serve would read it.',
    load: async () => (await import('./check-config.ts')).checkConfig,
  },
  'print-config': {
    summary:
      'Prints the effective configuration as TOML, secrets redacted, with the source of every value that is not the default.',
    load: async () => (await import('./print-config.ts')).printConfig,
  },
  doctor: {
    summary: 'Examines a configuration and what runs: a line for each check, with cause and cure.',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  health: {
    summary: 'Asks a node whether it takes connections (/health/ready): exit code 0 when it says 200, else 1.',
    load: async () => (await import('./health.ts')).health,
  },
  nodes: {
    summary: 'Lists the live nodes of a service.',
    load: async () => (await import('./nodes.ts')).nodes,
  },
  connections: {
    summary: 'Lists connections, the worst first; shows one; closes one.',
    load: async () => (await import('./connections.ts')).connections,
  },
  queues: {
    summary: 'Lists the queues of applications and their dead letters, replays these, and purges.',
    load: async () => (await import('./queues.ts')).queues,
  },
  topics: {
    summary: 'Lists the topics that a node serves, the most subscribed first.',
    load: async () => (await import('./topics.ts')).topics,
  },
  emergency: {
    summary: 'Steers a running server: read-only mode, admission, limits, notifications, revocation.',
    load: async () => (await import('./emergency.ts')).emergency,
  },
  drain: {
    summary: 'Tells a node to send its clients elsewhere and to end; exit code 0 there.',
    load: async () => (await import('./drain.ts')).drain,
  },
  trace: {
    summary: 'Shows what became of a message, recipient by recipient; switches tracing on and off per topic.',
    load: async () => (await import('./trace.ts')).trace,
  },
  why: {
    summary: 'Says in one sentence why a user did or did not get a message.',
    load: async () => (await import('./trace.ts')).why,
  },
  sessions: {
    summary: 'Backs up all sessions of Redis to a file, or restores them.',
    load: async () => (await import('./sessions.ts')).sessions,
  },
  database: {
    summary: 'Makes the tables of applications, and says which changes of them are missing.',
    load: async () => (await import('./database.ts')).database,
  },
  simulate: {
    summary: 'Runs the real connection, router, broker and session code on virtual time against random faults.',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  load: {
    summary: 'Puts load on a server, checks every sequence that it delivers, and reports latencies.',
    load: async () => (await import('./load.ts')).load,
  },
  plan: {
    summary: 'Plans nodes, memory, Redis and settings for a target, by formulas over measured figures.',
    load: async () => (await import('./plan.ts')).plan,
  },
  version: {
    summary: 'Prints the version of the server, of Node.js and of uWebSockets.js.',
    load: async () => (await import('./version-command.ts')).versionCommand,
  },
};
