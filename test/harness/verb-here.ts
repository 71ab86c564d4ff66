/** A verb with the same words, in the process of the test: for what is asked so often that processes would take the time of a run. */
import { readArguments } from '../../src/cli/command.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import type { Environment, Outcome } from './process.ts';

/** Puts back the variables of the process. One at a time: the tests of a file follow one another. */
export async function verbHere([name = '', ...argv]: readonly string[], environment: Environment): Promise<Outcome> {
  const command = await VERBS[name]?.load();
  if (command === undefined) throw new Error(`expected a verb, got ${name}`);
  const before = { ...process.env };
  const write = process.stdout.write.bind(process.stdout);
  let out = '';
  Object.assign(process.env, environment);
  process.stdout.write = (text: string | Uint8Array): boolean => {
    out += String(text);
    return true;
  };
  try {
    const code = await command.run(readArguments(command, argv));
    return { code, out, err: '' };
  } finally {
    process.stdout.write = write;
    for (const key of Object.keys(environment)) {
      const old = before[key];
      if (old === undefined) delete process.env[key];
      else process.env[key] = old;
    }
  }
}
