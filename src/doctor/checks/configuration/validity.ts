/** Whether `serve` would start with this configuration. */
import type { Check } from '../../check.ts';
import { fail, ok } from '../../finding.ts';

export const configurationValidity: Check = {
  name: 'configuration.validity',
  looksAt: 'Whether every key of the configuration can be read, and says what `serve` needs.',
  needs: ['configuration'],
  run: ({ configuration }) => {
    const { config, problems = [] } = configuration ?? {};
    if (problems.length === 0) return [ok(`the configuration is good: profile ${config?.profile ?? 'unknown'}`)];
    return problems.map(({ key, expected, got }) =>
      fail(`${key}: expected ${expected}, got ${got}`, `change ${key} (docs/configuration.md)`),
    );
  },
};
