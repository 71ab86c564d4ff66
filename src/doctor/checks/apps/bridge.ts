/** The bridge between WhatsApp and Genesys: what its configuration lacks. Its health says what goes wrong at the moment. */
import type { Check } from '../../check.ts';
import { ok, warn, type Observation } from '../../finding.ts';
import { TROUBLES, troublesIn } from '../../../apps/bridge/troubles.ts';

interface Known {
  readonly verify_token?: string;
  readonly agents?: readonly string[];
  readonly public_url?: string;
}

export const appsBridge: Check = {
  name: 'apps.bridge',
  looksAt:
    'What the bridge needs of its configuration: a verify token, an address at which Genesys gets files, agents.',
  needs: ['configuration'],
  run: ({ configuration }) => {
    const settingsOf = (name: string): Known | null => {
      const found = configuration?.apps.find(({ app }) => app.name === name);
      return found === undefined ? null : (found.settings as Known);
    };
    const bridge = settingsOf('bridge');
    if (bridge === null) return [];
    const media = settingsOf('media');
    const found: Observation[] = [];
    if (bridge.verify_token === undefined)
      found.push(
        warn(
          "Meta's handshake is refused: apps.bridge.verify_token is not set",
          'set it, and type it into the console of Meta',
        ),
      );
    if (media?.public_url === undefined)
      found.push(
        warn(
          'Genesys gets no files of customers: apps.media.public_url is not set',
          'set it to the address of this server from outside',
        ),
      );
    if ((bridge.agents ?? []).length === 0)
      found.push(
        warn(
          'nobody on this server reads along: apps.bridge.agents is empty',
          'name users there, or in settings.agents of a tenant, unless agents are at Genesys alone',
        ),
      );
    return found.length > 0 ? found : [ok('the bridge has a verify token, an address for files, and agents')];
  },
};

/** A row for each trouble, with its own cure. @param status of the health of the bridge */
export function bridgeRows(detail: string): readonly Observation[] {
  const rows = troublesIn(detail).map(({ trouble, text }) => {
    const { says, cure } = TROUBLES[trouble];
    return warn(`bridge: ${says} (${text})`, `${cure}; ./signalbox bridge work names the tenants`);
  });
  return rows.length > 0 ? rows : [warn(`bridge: ${detail}`, 'look at the lines of bridge in the log')];
}
