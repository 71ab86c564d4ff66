/** Tokens where nobody has counted them: before a question is asked, and of an answer that was cut off before its usage came. */
import type { Question, Usage } from './provider.ts';

/** Tokens of models are about so many characters. */
export const CHARACTERS_OF_TOKEN = 4;

/** @param answer what was said so far */
export function estimatedUsage({ turns, system }: Question, answer: string): Usage {
  const asked = turns.reduce((sum, { text }) => sum + text.length, system.length);
  return {
    inputTokens: Math.ceil(asked / CHARACTERS_OF_TOKEN),
    outputTokens: Math.ceil(answer.length / CHARACTERS_OF_TOKEN),
  };
}
