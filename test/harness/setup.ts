/** Loaded before every test file (vitest.config.ts). */
import { afterAll } from 'vitest';
import { endings } from './end-of-file.ts';

afterAll(() => {
  for (const end of endings) end();
});
