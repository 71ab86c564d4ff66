/** The files that secrets come from: what a line end at their end does, and who may read them. */
import { readFileSync, statSync } from 'node:fs';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';

const READABLE_BY_ALL = 0o004;

export const secretsFiles: Check = {
  name: 'secrets.files',
  looksAt:
    'The files of secrets (`…_FILE`): a line end behind one, which issuers may take for a part of it; whether everybody may read them.',
  needs: ['configuration'],
  run: ({ secretFiles = new Map<string, string>() }) => [...secretFiles].flatMap(([key, path]) => judged(key, path)),
};

function judged(key: string, path: string): readonly Observation[] {
  try {
    const { mode } = statSync(path);
    const content = readFileSync(path);
    const found: Observation[] = [];
    const [end] = /[\r\n]+$/.exec(content.toString('latin1')) ?? [];
    if (end !== undefined)
      found.push(
        warn(
          `the file of ${key} ends with ${JSON.stringify(end)}: the nodes leave that out, and an issuer that reads the file as it is has another secret`,
          `printf %s "$(cat ${path})" > ${path}.new && mv ${path}.new ${path}`,
        ),
      );
    if ((mode & READABLE_BY_ALL) !== 0)
      found.push(warn(`everybody on this machine may read the file of ${key} (${path})`, `chmod 600 ${path}`));
    return found.length > 0 ? found : [ok(`the file of ${key} has no line end, and is not for everybody`)];
  } catch (error) {
    return [
      fail(`the file of ${key} cannot be read: ${(error as Error).message}`, `look at ${path}, and whom it belongs to`),
    ];
  }
}
