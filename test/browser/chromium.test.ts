/** The client library and the pages of the server in a real browser. One Chromium for all of it, which takes a second to start. */
import { afterAll, describe } from 'vitest';
import { isMissing } from '../harness/tools.ts';
import { closeBrowser } from './chromium.ts';
import { assistantScenarios } from './assistant-scenarios.ts';
import { conversationScenarios } from './conversation-scenarios.ts';
import { eventSourceScenarios } from './event-source-scenarios.ts';
import { floodScenarios } from './flood-scenarios.ts';
import { networkScenarios } from './network-scenarios.ts';
import { pageScenarios } from './page-scenarios.ts';
import { policyScenarios } from './policy-scenarios.ts';
import { reactScenarios } from './react-scenarios.ts';
import { sleepScenarios } from './sleep-scenarios.ts';
import { socketIoScenarios } from './socketio-scenarios.ts';

afterAll(closeBrowser);

describe.skipIf(isMissing('chromium'))('in Chromium', () => {
  describe('below a strict policy', policyScenarios);
  describe('the network and the server', networkScenarios);
  describe('a flood', floodScenarios);
  describe('React', reactScenarios);
  describe('EventSource', eventSourceScenarios);
  describe('Socket.IO', socketIoScenarios);
  describe('the page of a development server', pageScenarios);
  describe('the page of conversations', conversationScenarios);
  describe('the page of the assistant', assistantScenarios);
  describe('a page that is put aside', sleepScenarios);
});
