/** Whether the secrets of the configuration can be guessed, and whether an issuer may read them otherwise. */
import type { Check } from '../../check.ts';
import { ok, type Observation } from '../../finding.ts';
import { encodingOf, smellsOf } from '../../secrets/smell.ts';

export const secretsStrength: Check = {
  name: 'secrets.strength',
  looksAt:
    'Length of the secrets, repetitions, words; and whether one looks like base64 or hexadecimal, of which an issuer may take the bytes.',
  needs: ['configuration'],
  run: ({ authentication }) => {
    const secrets = [...(authentication?.secrets ?? [])].filter(([name]) => name !== 'auth.public_key');
    return secrets.flatMap(([name, secret]): readonly Observation[] => {
      const smells = smellsOf(name, secret);
      if (smells.length > 0) return smells;
      const encoding = name === 'admin.token' ? null : encodingOf(secret);
      const note =
        encoding === null
          ? ''
          : `; it looks like ${encoding}: issuers must take its text as the key, not what it decodes to`;
      return [ok(`${name} has ${secret.byteLength} bytes${note}`)];
    });
  },
};
