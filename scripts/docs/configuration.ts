/** The configuration reference and the file of defaults, from the schema. */
import { stringify } from 'smol-toml';
import { z } from 'zod';
import type { App } from '../../src/apps/app.ts';
import { BUILT_IN } from '../../src/cli/built-in-apps.ts';
import { describeKey, KEYS, type Key } from '../../src/config/keys.ts';
import { schema, SECTIONS } from '../../src/config/schema.ts';

/** The applications of this repository, with what their sections take. */
const APPS = await Promise.all(Object.entries(BUILT_IN).map(async ([name, load]) => sectionOf(name, await load())));

const NOTE = 'generated from src/config/schema.ts: change it there and run `make docs`';

export function defaultToml(): string {
  const lines = [`# Every key with its default; ${NOTE}.`, ''];
  for (const { name, description, keys } of sections()) {
    if (name !== '') lines.push(`# ${description}`, `[${name}]`);
    for (const key of keys) lines.push(`# ${key.description}${bounds(key)}`, line(key));
    lines.push('');
  }
  return lines.join('\n');
}

export function configurationPage(): string {
  const lines = [
    '# Configuration',
    '',
    `<!-- ${NOTE} -->`,
    '',
    'A value comes from the first of these that has one: a flag (`--set section.key=value`, or one of the short flags), the environment,',
    'the file of `--config` or of the profile (`config/<profile>.toml`), the default. `signalbox print-config` shows the effective values and',
    'where each comes from, secrets redacted; `signalbox check-config` says everything that is wrong at once. An unknown key, also an unknown',
    'variable that starts with `SIGNALBOX_`, refuses to start. `--config` is read instead of the file of the profile, so what',
    '`config/development.toml` has (its origins, readable logs) is then yours to give; `--profile` beside it sets the key `profile`.',
    '',
    'Environment: every key is `SIGNALBOX_SECTION_KEY`; some have a short name as well, and the long one wins. Secrets can be read from a file:',
    '`JWT_SECRET_FILE=/run/secrets/jwt`. Lists are comma-separated; `topics.rules` is JSON.',
    '',
    'The links that Kubernetes sets for every Service of the namespace (`SIGNALBOX_REDIS_PORT=tcp://10.0.0.1:6379`,',
    '`SIGNALBOX_SERVICE_HOST=10.0.0.1`, `SIGNALBOX_PORT_8081_TCP_ADDR=10.0.0.1`) are ignored: a variable is a link when its name and its value',
    'are both those of one. That holds for the variable of a key too: a Service called `signalbox-server` sets',
    '`SIGNALBOX_SERVER_PORT=tcp://…`, and `server.port` keeps its value from elsewhere.',
    '',
    'A secret is what you gave, to the byte. The file of `JWT_SECRET` may hold any bytes, and a file that is no UTF-8 text is the key as it is;',
    'text in a file loses the line ends behind it and nothing else. A byte order mark, white space around a key or token (also a line end in',
    'a variable: `printf %s`, not `echo`), U+FFFD and an `ADMIN_TOKEN` that is not printable ASCII refuse to start: the program that',
    'signs tokens does not see them.',
    '',
  ];
  for (const { name, description, keys } of sections()) {
    lines.push(name === '' ? '## The profile' : `## [${name}]`, '');
    if (name !== '') lines.push(description, '');
    lines.push(...table(keys), '');
    if (name === 'topics') lines.push(...rules());
  }
  for (const { name, description, keys } of APPS) lines.push(`## [${name}]`, '', description, '', ...table(keys), '');
  return lines.join('\n');
}

interface Section {
  readonly name: string;
  readonly description: string;
  readonly keys: readonly Key[];
}

function sections(): Section[] {
  const top: Section = { name: '', description: '', keys: KEYS.filter(({ path }) => !path.includes('.')) };
  const rest = Object.entries(SECTIONS).map(([name, section]) => ({
    name,
    description: section.description ?? '',
    keys: KEYS.filter(({ path }) => path.startsWith(`${name}.`)),
  }));
  return [top, ...rest];
}

function sectionOf(name: string, { app }: { readonly app: App }): Section {
  const schema = app.settings?.(z);
  const shape = schema instanceof z.ZodObject ? schema.shape : {};
  return {
    name: `apps.${name}`,
    description: `A built-in application, which runs when this section is there: [${name}.md](${name}.md).`,
    keys: Object.entries(shape).map(([key, type]) => describeKey(`apps.${name}.${key}`, type as z.ZodType)),
  };
}

function table(keys: readonly Key[]): string[] {
  const heads = ['| key | default | takes | what it does | environment |', '| --- | --- | --- | --- | --- |'];
  return [...heads, ...keys.map(row)];
}

function line(key: Key): string {
  const name = key.path.split('.').at(-1) ?? '';
  if (key.fallback === undefined) return `# ${name} = ${key.kind === 'text' ? '""' : '…'}`;
  return stringify({ [name]: key.fallback }).trim();
}

function row(key: Key): string {
  const fallback = key.fallback === undefined ? '' : `\`${JSON.stringify(key.fallback)}\``;
  const takes = `${key.isSecret ? 'secret ' : ''}${key.kind}${bounds(key)}`;
  const variables = key.variables.map((name) => `\`${name}\``).join(', ');
  return `| \`${key.path.split('.').at(-1) ?? ''}\` | ${fallback} | ${takes} | ${key.description.replaceAll('|', '\\|')} | ${variables} |`;
}

function bounds({ bounds: text }: Key): string {
  return text === '' ? '' : ` (${text})`;
}

function rules(): string[] {
  const { properties } = (
    schema.shape.topics.toJSONSchema({ io: 'input' }) as unknown as {
      properties: { rules: { items: { properties: Record<string, { description: string }> } } };
    }
  ).properties.rules.items;
  return [
    '### [[topics.rules]]',
    '',
    'Exceptions by pattern, the first that matches a topic counts:',
    '',
    '```toml',
    '[[topics.rules]]',
    'pattern = "typing.**"',
    'history = 0',
    '',
    '[[topics.rules]]',
    'pattern = "news.**"',
    'publish = ["service"]',
    '```',
    '',
    '| key | what it does |',
    '| --- | --- |',
    ...Object.entries(properties).map(([name, { description }]) => `| \`${name}\` | ${description} |`),
    '',
  ];
}
