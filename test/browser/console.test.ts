/** The console for operators in a real browser. */
import { afterAll, describe } from 'vitest';
import { isMissing } from '../harness/tools.ts';
import { closeBrowser } from './chromium.ts';
import { signInScenarios } from './console/sign-in-scenarios.ts';
import { viewScenarios } from './console/view-scenarios.ts';

afterAll(closeBrowser);

describe.skipIf(isMissing('chromium'))('the console in Chromium', () => {
  describe('signing in', signInScenarios);
  describe('the views', viewScenarios);
});
