/** The letters of docs/queues.md with a post that writes down what it was given, and never answers while a file says so. */
import { appendFileSync, existsSync } from 'node:fs';
import type { App } from 'signalbox';
import { lettersApp } from './letters.ts';

const FOLDER = process.env['LETTERS_FOLDER'] ?? '';

export const app: App = lettersApp({
  deliver: async (_to, text) => {
    appendFileSync(`${FOLDER}/given`, `${text}\n`);
    if (existsSync(`${FOLDER}/hold`)) await new Promise(() => {});
    appendFileSync(`${FOLDER}/sent`, `${text}\n`);
    return 'sent';
  },
});
