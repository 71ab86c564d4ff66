/** The console for operators in a real browser. */
import { afterAll, describe } from 'vitest';
import { isMissing } from '../harness/tools.ts';
import { closeBrowser } from './chromium.ts';
import { changeScenarios } from './console/change-scenarios.ts';
import { keyboardScenarios } from './console/keyboard-scenarios.ts';
import { signInScenarios } from './console/sign-in-scenarios.ts';
import { nodesScenarios } from './console/nodes-scenarios.ts';
import { sizeScenarios } from './console/size-scenarios.ts';
import { tokenScenarios } from './console/token-scenarios.ts';
import { viewScenarios } from './console/view-scenarios.ts';

afterAll(closeBrowser);

describe.skipIf(isMissing('chromium'))('the console in Chromium', () => {
  describe('signing in', signInScenarios);
  describe('the views', viewScenarios);
  describe('changes', changeScenarios);
  describe('two nodes', nodesScenarios);
  describe('a token that ends', tokenScenarios);
  describe('the keyboard', keyboardScenarios);
  describe('many rows', sizeScenarios);
});
