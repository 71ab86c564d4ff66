/**
 * Every configuration key, once: type, bounds, default and description, section by section (sections/). The types, the
 * environment names, the reference page (docs/configuration.md) and config/default.toml are derived from this table.
 */
import { z } from 'zod';
import { KEEPING } from './sections/keeping.ts';
import { OPERATING } from './sections/operating.ts';
import { SERVING } from './sections/serving.ts';
import type { topicRule } from './topic-rule.ts';

export const SECTIONS = { ...SERVING, ...KEEPING, ...OPERATING };

/** Tables below `[apps]`: the sections of applications, by name. Each application checks its own. */
const appSections = z.record(z.string(), z.record(z.string(), z.unknown())).default({});

export const schema = z.strictObject({
  profile: z
    .enum(['production', 'development'])
    .default('production')
    .describe('development generates missing secrets and accepts short ones'),
  server: SECTIONS.server.prefault({}),
  websocket: SECTIONS.websocket.prefault({}),
  streams: SECTIONS.streams.prefault({}),
  socketio: SECTIONS.socketio.prefault({}),
  actor_system: SECTIONS.actor_system.prefault({}),
  auth: SECTIONS.auth.prefault({}),
  security: SECTIONS.security.prefault({}),
  rate_limiting: SECTIONS.rate_limiting.prefault({}),
  topics: SECTIONS.topics.prefault({}),
  presence: SECTIONS.presence.prefault({}),
  session: SECTIONS.session.prefault({}),
  redis: SECTIONS.redis.prefault({}),
  database: SECTIONS.database.prefault({}),
  queue: SECTIONS.queue.prefault({}),
  admin: SECTIONS.admin.prefault({}),
  logging: SECTIONS.logging.prefault({}),
  metrics: SECTIONS.metrics.prefault({}),
  trace: SECTIONS.trace.prefault({}),
  shutdown: SECTIONS.shutdown.prefault({}),
  apps: SECTIONS.apps.extend({ sections: appSections }).prefault({}),
});

export type Config = z.output<typeof schema>;
/** The same as it may be written: every section and every key may be missing. Tables below `apps` are sections of applications. */
export type ConfigInput = Omit<z.input<typeof schema>, 'apps'> & {
  readonly apps?: z.input<typeof SECTIONS.apps> & { readonly [name: string]: unknown };
};
export type TopicRule = z.output<typeof topicRule>;

/** The names that people try first, beside `SIGNALBOX_SECTION_KEY`. */
export const SHORT_NAMES: Readonly<Record<string, string>> = {
  PORT: 'server.port',
  HOST: 'server.host',
  JWT_SECRET: 'auth.jwt_secret',
  JWT_PUBLIC_KEY: 'auth.public_key',
  JWKS_URL: 'auth.jwks_url',
  ADMIN_TOKEN: 'admin.token',
  LOG_LEVEL: 'logging.level',
  LOG_FORMAT: 'logging.format',
  MAX_CONNECTIONS: 'websocket.max_connections',
  REDIS_URL: 'redis.url',
  DATABASE_URL: 'database.url',
};

export const PREFIX = 'SIGNALBOX_';
