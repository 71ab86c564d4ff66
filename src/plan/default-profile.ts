/** The figures that are shipped: those of one machine, for a first look. A calibration replaces them. */
import { FIGURE_NAMES, isOfRedis } from './figures.ts';
import type { Figures, Profile } from './profile.ts';

/** `./signalbox load --calibrate` on the machine of docs/performance.md. */
export const DEFAULT_PROFILE = {
  format: 1,
  origin: {
    date: '2026-11-29T23:11:37.316Z',
    server: '0.1.0',
    node: 'v22.23.3',
    cpu: 'AMD EPYC',
    processors: 2,
    os: 'Linux 6.18.44-fc-v657',
    redis: '7.0.15',
    quick: true,
    notes: [],
  },
  figures: {
    node_bytes: 115335168,
    connection_bytes: 2040,
    subscription_bytes: 217.1,
    accept_us: 180.8,
    resume_us: 134.9,
    subscribe_us: 100.7,
    topic_bytes: 2124,
    message_bytes: 53.82,
    replay_us: 3.094,
    turn_us: 90.47,
    publish_us: 4.722,
    publish_kb_us: 1.391,
    write_us: 7.84,
    message_us: 0.2161,
    batched_message_us: 0.1002,
    message_kb_us: 0.5556,
    frame_bytes: 232.4,
    publish_frame_bytes: 337.4,
    idle_us: 1045,
    idle_connection_us: 28.39,
    connection_kernel_bytes: 3901,
    redis_idle_us: 2095,
    redis_server_idle_us: 1061,
    redis_turn_us: 526.4,
    redis_publication_us: 43.04,
    redis_follow_us: 385.3,
    redis_server_turn_us: 133.7,
    redis_server_publish_us: 10.6,
    redis_server_follow_us: 1.822,
    redis_in_bytes: 406.1,
    redis_out_bytes: 228.5,
    redis_connect_us: 132.1,
    redis_server_connect_us: 4.774,
    redis_session_bytes: 3.424,
    redis_topic_bytes: 5001,
    redis_message_bytes: 85.67,
  } as Figures,
} as const satisfies Profile & { readonly figures: Figures };

/** With the shipped figures of Redis where a calibration had none. */
export function completed({ figures, origin }: Profile): { figures: Figures; borrowed: readonly string[] } {
  const missing = FIGURE_NAMES.filter((name) => isOfRedis(name) && figures[name] === undefined);
  const borrowed =
    missing.length === 0
      ? []
      : [
          'the profile has no figures of Redis: those of another machine are used for it (load --calibrate --redis URL)',
        ];
  return { figures: { ...DEFAULT_PROFILE.figures, ...figures }, borrowed: [...borrowed, ...origin.notes] };
}
