/** The reference of what doctor looks at, from its table of checks. */
import { NEEDS } from '../../src/doctor/check.ts';
import { CHECKS } from '../../src/doctor/checks/all.ts';

export function doctorPage(): string {
  return [
    '# Doctor',
    '',
    '<!-- generated from src/doctor/checks/all.ts: change it there and run `make docs` -->',
    '',
    '```bash',
    './signalbox doctor                                      # before a start: this machine and the configuration of `serve`',
    './signalbox doctor --url http://127.0.0.1:8081          # and the nodes that run (ADMIN_TOKEN)',
    './signalbox doctor --url wss://chat.example.com/ws      # and the way that clients take',
    './signalbox doctor --token "$TOKEN" --page https://example.com',
    '```',
    '',
    'Each check says `ok`, `warn` or `fail`, the cause with its figures, and a cure: a command or a key. The exit code is 1 when anything failed.',
    'Nothing that it does changes anything. `--json` prints the findings for a program, `--only redis` or `--only redis.eviction` runs a group or a',
    'check. Checks whose needs are not there are left out, and the last lines say what would bring them. The checks run at once and each has 4.5',
    'seconds, so the whole answers within five; only `--idle` waits longer.',
    '',
    '## Checks',
    '',
    '| check | looks at | needs |',
    '| --- | --- | --- |',
    ...CHECKS.map(
      ({ name, looksAt, needs }) =>
        `| \`${name}\` | ${looksAt} | ${needs.map((need) => NEEDS[need]).join('; ') || 'nothing'} |`,
    ),
    '',
  ].join('\n');
}
