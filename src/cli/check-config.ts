/** `signalbox check-config`: says everything that is wrong with a configuration, without starting anything. */
import { ConfigError } from '../config/config-error.ts';
import type { Command, ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { loadWithApps } from './config-options.ts';
import { databaseProblems } from './database-problems.ts';

export const checkConfig: Command = {
  name: 'check-config',
  summary: 'Checks the configuration as serve would read it.',
  usage: '[--config FILE] [--profile NAME]',
  positionals: 0,
  options: CONFIG_OPTIONS,
  async run(args): Promise<ExitCode> {
    const { config, origins, apps } = await loadWithApps(args);
    const problems = databaseProblems(config, apps);
    if (problems.length > 0) throw new ConfigError(problems);
    const names = apps.map(({ app }) => app.name).join(', ');
    const more = apps.length === 0 ? '' : `, applications: ${names}`;
    process.stdout.write(`the configuration is good: profile ${config.profile}, ${origins.size} keys set${more}\n`);
    return 0;
  },
};
