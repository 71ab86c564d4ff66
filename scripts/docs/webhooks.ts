/** The table of settings in the page for backend teams, from the schema. The rest of the page is written by hand. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { settings } from '../../src/apps/webhooks/settings.ts';
import { describeKey } from '../../src/config/keys.ts';

const PAGE = new URL('../../docs/webhooks.md', import.meta.url);
const PLACE =
  /(?<=<!-- settings: generated from src\/apps\/webhooks\/settings.ts -->\n)[\s\S]*?(?=\n<!-- \/settings -->)/;

export function webhooksPage(): string {
  const rows = Object.entries(settings(z).shape).map(([name, type]) => {
    const { fallback, kind, isSecret, bounds, description } = describeKey(name, type as z.ZodType);
    const takes = `${isSecret ? 'secret ' : ''}${kind}${bounds === '' ? '' : `, ${bounds}`}`;
    const shown = fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``;
    return `| \`${name}\` | ${shown} | ${takes} | ${description.replaceAll('|', String.raw`\|`)} |`;
  });
  const table = ['', '| key | default | takes | what it does |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
  return readFileSync(PAGE, 'utf8').replace(PLACE, () => table);
}
