/** The flags by which every verb finds its configuration. Apart from what loads it: help and a probe need these alone. */
import type { Option } from './command.ts';

/** Enough to say where a node listens. */
export const WHERE_OPTIONS: Readonly<Record<string, Option>> = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: "read this file instead of the profile's (or SIGNALBOX_CONFIG)",
  },
  profile: {
    type: 'string',
    value: 'NAME',
    help: 'production (default) or development; without --config also the file config/<NAME>.toml',
  },
  set: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'one key of docs/configuration.md, as section.key=value; may be repeated',
  },
  port: { type: 'string', short: 'p', value: 'PORT', help: 'same as --set server.port=PORT' },
  host: { type: 'string', value: 'HOST', help: 'same as --set server.host=HOST' },
};

export const CONFIG_OPTIONS: Readonly<Record<string, Option>> = {
  ...WHERE_OPTIONS,
  'log-level': { type: 'string', value: 'LEVEL', help: 'same as --set logging.level=LEVEL' },
  'log-format': { type: 'string', value: 'FORMAT', help: 'same as --set logging.format=FORMAT' },
};
