/** Entry point: the first word is the verb. */
import { checkConfig } from './cli/check-config.ts';
import { helpOf, readArguments, UsageError, type Command, type ExitCode } from './cli/command.ts';
import { connections } from './cli/connections.ts';
import { drain } from './cli/drain.ts';
import { emergency } from './cli/emergency.ts';
import { health } from './cli/health.ts';
import { load } from './cli/load.ts';
import { nodes } from './cli/nodes.ts';
import { printConfig } from './cli/print-config.ts';
import { serve } from './cli/serve.ts';
import { sessions } from './cli/sessions.ts';
import { simulate } from './cli/simulate.ts';
import { token } from './cli/token.ts';
import { topics } from './cli/topics.ts';
import { trace, why } from './cli/trace.ts';
import { versionCommand } from './cli/version-command.ts';
import { ConfigError } from './config/load.ts';

const COMMANDS: readonly Command[] = [
  serve,
  token,
  checkConfig,
  printConfig,
  health,
  nodes,
  connections,
  topics,
  emergency,
  drain,
  trace,
  why,
  sessions,
  simulate,
  load,
  versionCommand,
];

async function main([verb, ...argv]: string[]): Promise<ExitCode> {
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') {
    const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`);
    process.stdout.write(
      `Signalbox, an actor-model realtime connection server.\n\nusage: signalbox <verb> [options]\n\n${rows.join('\n')}\n\nsignalbox <verb> --help says more.\n`,
    );
    return verb === undefined ? 2 : 0;
  }
  const command = COMMANDS.find(({ name }) => name === verb || `--${name}` === verb);
  if (command === undefined)
    throw new UsageError(`expected one of ${COMMANDS.map(({ name }) => name).join(', ')}, got ${JSON.stringify(verb)}`);
  const args = readArguments(command, argv);
  if (args.flag('help')) {
    process.stdout.write(`${helpOf(command)}\n`);
    return 0;
  }
  return command.run(args);
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  if (error instanceof ConfigError)
    process.stderr.write(
      `the configuration has ${error.problems.length} problem${error.problems.length === 1 ? '' : 's'}:\n  ${error.message.replaceAll('\n', '\n  ')}\n`,
    );
  else
    process.stderr.write(
      `signalbox: ${error instanceof UsageError ? `${error.message}\n(signalbox --help lists the verbs and flags)` : error instanceof Error ? error.message : String(error)}\n`,
    );
  process.exit(error instanceof UsageError || error instanceof ConfigError ? 2 : 1);
}
