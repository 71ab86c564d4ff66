/** The figures that are shipped: those of one machine, for a first look. A calibration replaces them. */
import { FIGURE_NAMES, isOfRedis } from './figures.ts';
import type { Figures, Profile } from './profile.ts';

export const DEFAULT_PROFILE: Profile & { readonly figures: Figures } = {
  format: 1,
  origin: {
    date: '2026-11-30T01:15:00.000Z',
    server: '0.1.0',
    node: 'v22.23.3',
    cpu: 'AMD EPYC',
    processors: 2,
    os: 'Linux 6.18.44-fc-v657',
    redis: '7.0.15',
    quick: false,
    notes: ['the medians of five calibrations, on a machine that did other work during some of them'],
  },
  figures: {
    node_bytes: 116_686_848,
    connection_bytes: 1_844,
    subscription_bytes: 227,
    accept_us: 117,
    resume_us: 81.4,
    subscribe_us: 39.7,
    topic_bytes: 2_135,
    message_bytes: 76.6,
    replay_us: 3.91,
    turn_us: 47.1,
    publish_us: 5.85,
    publish_kb_us: 0,
    write_us: 6.65,
    message_us: 0.18,
    batched_message_us: 0.133,
    message_kb_us: 0.0587,
    frame_bytes: 233,
    publish_frame_bytes: 338,
    idle_us: 571,
    idle_connection_us: 16.7,
    connection_kernel_bytes: 3_901,
    redis_idle_us: 811,
    redis_server_idle_us: 934,
    redis_turn_us: 395,
    redis_publication_us: 10.7,
    redis_follow_us: 218,
    redis_server_turn_us: 148,
    redis_server_publish_us: 7.59,
    redis_server_follow_us: 0.613,
    redis_in_bytes: 364,
    redis_out_bytes: 208,
    redis_connect_us: 250,
    redis_server_connect_us: 19,
    redis_session_bytes: 611,
    redis_topic_bytes: 5_172,
    redis_message_bytes: 81.1,
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
