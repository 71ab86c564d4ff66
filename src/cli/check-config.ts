/** `signalbox check-config`: says everything that is wrong with a configuration, without starting anything. */
import type { Command, ExitCode } from './command.ts';
import { CONFIG_OPTIONS, loadFromArguments } from './config-options.ts';

export const checkConfig: Command = {
  name: 'check-config',
  summary: 'Checks the configuration as serve would read it.',
  usage: '[--config FILE] [--profile NAME]',
  positionals: 0,
  options: CONFIG_OPTIONS,
  run(args): ExitCode {
    const { config, origins } = loadFromArguments(args);
    process.stdout.write(`the configuration is good: profile ${config.profile}, ${origins.size} keys set\n`);
    return 0;
  },
};
