/** The console for operators in a real browser. */
import { afterAll, describe } from 'vitest';
import { isMissing } from '../harness/tools.ts';
import { closeBrowser } from './chromium.ts';
import { signInScenarios } from './console/sign-in-scenarios.ts';

afterAll(closeBrowser);

describe.skipIf(isMissing('chromium'))('the console in Chromium', () => {
  describe('signing in', signInScenarios);
});
