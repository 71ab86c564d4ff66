/** Loaded before every test file (vitest.config.ts). */
import * as fc from 'fast-check';
import { afterAll } from 'vitest';
import { endings } from './end-of-file.ts';

/** Properties try the same values in every run, so that the suite does the same twice. Others: `PROPERTY_SEED=$RANDOM make test`. */
const SEED = 20_251_129;
fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? SEED) });

afterAll(() => {
  for (const end of endings) end();
});
