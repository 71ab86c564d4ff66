/** Entry point: the first word is the verb. */
import { endProcess } from './cli/end-process.ts';
import { endWhileStarting } from './cli/early-signals.ts';
import { helpOf, readArguments, UsageError, type Command, type ExitCode } from './cli/command.ts';
import { VERBS } from './cli/verbs.ts';
import { ConfigError } from './config/config-error.ts';

async function main([verb, ...argv]: string[]): Promise<ExitCode> {
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') {
    const rows = Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`);
    process.stdout.write(
      `Signalbox, an actor-model realtime connection server.\n\nusage: signalbox <verb> [options]\n\n${rows.join('\n')}\n\nsignalbox <verb> --help says more.\n`,
    );
    return verb === undefined ? 2 : 0;
  }
  const name = verb.startsWith('--') ? verb.slice(2) : verb;
  const known = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  const command = known === undefined ? await ofApplication(name, argv) : await known.load();
  if (command === null) {
    // Words behind it: perhaps an application, and this process was not told of its module.
    const perhaps =
      argv.length === 0 ? '' : ', or an application with verbs that --config or --set apps.modules=FILE names';
    throw new UsageError(`expected one of ${Object.keys(VERBS).join(', ')}${perhaps}, got ${JSON.stringify(verb)}`);
  }
  const args = readArguments(command, argv);
  if (args.flag('help')) {
    process.stdout.write(`${helpOf(command)}\n`);
    return 0;
  }
  return command.run(args);
}

/** The verbs of an application: known to its module alone, which the configuration names. */
async function ofApplication(name: string, argv: readonly string[]): Promise<Command | null> {
  if (!/^[a-z][a-z0-9-]*$/.test(name) || argv.length === 0) return null;
  return (await import('./cli/app-verbs.ts')).appCommand(name, argv);
}

// Before the server is imported, which takes the most of the start.
if (process.argv[2] === 'serve') endWhileStarting();
try {
  await endProcess(await main(process.argv.slice(2)));
} catch (error) {
  if (error instanceof ConfigError)
    process.stderr.write(
      `the configuration has ${error.problems.length} problem${error.problems.length === 1 ? '' : 's'}:\n  ${error.message.replaceAll('\n', '\n  ')}\n`,
    );
  else
    process.stderr.write(
      `signalbox: ${error instanceof UsageError ? `${error.message}\n(signalbox --help lists the verbs and flags)` : error instanceof Error ? error.message : String(error)}\n`,
    );
  await endProcess(error instanceof UsageError || error instanceof ConfigError ? 2 : 1);
}
