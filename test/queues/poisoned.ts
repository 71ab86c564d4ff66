/** The letters of docs/queues.md with a post that knows everybody but `nobody`: for servers that are processes. */
import type { App } from 'signalbox';
import { lettersApp } from './letters.ts';

export const app: App = lettersApp({ deliver: async (to) => (to === 'nobody' ? 'unknown address' : 'sent') });
