/** `signalbox print-config`: the effective values, and where each comes from. */
import { KEYS, type Key } from '../config/keys.ts';
import { shown, valueOf } from '../node/shown.ts';
import type { Command, ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { loadWithApps } from './config-options.ts';

export const printConfig: Command = {
  name: 'print-config',
  summary:
    'Prints the effective configuration as TOML, secrets redacted, with the source of every value that is not the default.',
  usage: '[--config FILE] [--profile NAME] [--json]',
  positionals: 0,
  options: { json: { type: 'boolean', help: 'print JSON' }, ...CONFIG_OPTIONS },
  async run(args): Promise<ExitCode> {
    const { config, origins, apps } = await loadWithApps(args);
    const own = KEYS.map((key) => {
      const [section = '', name] = key.path.split('.');
      return row(key, section, name ?? section, valueOf(config, key.path), origins);
    });
    const ofApps = apps.flatMap(({ app, keys, settings }) =>
      keys.map((key) => {
        const name = key.path.split('.').at(-1) ?? '';
        const value = (settings as Record<string, unknown>)[name];
        return { ...row(key, `apps.${app.name}`, name, value, origins), description: key.description };
      }),
    );
    const rows = [...own, ...ofApps];
    if (args.flag('json')) {
      process.stdout.write(
        `${JSON.stringify(Object.fromEntries(rows.map(({ path, value, origin }) => [path, { value: value ?? null, origin: origin ?? 'default' }])), null, 2)}\n`,
      );
      return 0;
    }
    let current = '';
    for (const { path, section, name, value, origin, description } of rows) {
      if (path.includes('.') && section !== current) {
        current = section;
        process.stdout.write(`\n[${section}]\n`);
      }
      // The server's own keys are on a page; those of an application are described nowhere else.
      if (description !== '') process.stdout.write(`# ${description}\n`);
      const source = origin === undefined ? '' : `  # ${origin}`;
      process.stdout.write(
        value === undefined ? `# ${name} is not set\n` : `${name} = ${JSON.stringify(value)}${source}\n`,
      );
    }
    return 0;
  },
};

function row(
  key: Key,
  section: string,
  name: string,
  value: unknown,
  origins: ReadonlyMap<string, string>,
): {
  readonly path: string;
  readonly section: string;
  readonly name: string;
  readonly value: unknown;
  readonly origin: string | undefined;
  readonly description: string;
} {
  return { path: key.path, section, name, value: shown(key, value), origin: origins.get(key.path), description: '' };
}
