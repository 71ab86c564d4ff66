/** The figures that are shipped: those of one machine, for a first look. A calibration replaces them. */
import { FIGURE_NAMES, isOfRedis } from './figures.ts';
import type { Figures, Profile } from './profile.ts';

export const DEFAULT_PROFILE: Profile & { readonly figures: Figures } = {
  format: 1,
  origin: {
    date: '2026-11-30T00:00:00.000Z',
    server: '0.1.0',
    node: 'v22.23.3',
    cpu: 'AMD EPYC',
    processors: 2,
    os: 'Linux 6.18.44-fc-v657',
    redis: '7.0.15',
    quick: false,
    notes: [
      'the least processor time and the median of bytes of three calibrations, on a machine that did other work meanwhile',
    ],
  },
  figures: {
    node_bytes: 115_335_168,
    connection_bytes: 2_004,
    subscription_bytes: 214.0,
    accept_us: 117.0,
    resume_us: 77.9,
    subscribe_us: 39.7,
    topic_bytes: 2_135,
    message_bytes: 53.8,
    replay_us: 2.52,
    turn_us: 33.9,
    publish_us: 4.57,
    publish_kb_us: 1.39,
    write_us: 5.34,
    message_us: 0.18,
    batched_message_us: 0.1,
    message_kb_us: 0.169,
    frame_bytes: 232.0,
    publish_frame_bytes: 337.0,
    idle_us: 571.0,
    idle_connection_us: 21.2,
    connection_kernel_bytes: 3_901,
    redis_idle_us: 811.0,
    redis_server_idle_us: 934.0,
    redis_turn_us: 395.0,
    redis_publication_us: 7.19,
    redis_follow_us: 218.0,
    redis_server_turn_us: 125.0,
    redis_server_publish_us: 6.59,
    redis_server_follow_us: 1.82,
    redis_in_bytes: 409.0,
    redis_out_bytes: 255.0,
    redis_connect_us: 132.0,
    redis_server_connect_us: 4.77,
    redis_session_bytes: 624.0,
    redis_topic_bytes: 5_037,
    redis_message_bytes: 85.3,
  },
};

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
