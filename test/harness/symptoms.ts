/**
 * The table of symptoms in docs/troubleshooting.md. A test makes the fault of a row and calls {@link named}, which runs the command of
 * that row as the page says it and holds the answer against the sentence of the row. test/troubleshooting-faults.test.ts holds
 * that each row is used by one test, and each use has a row.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { ADMIN_TOKEN } from './admin.ts';
import { signalbox, type Environment, type Outcome } from './process.ts';
import { SECRET } from './tokens.ts';
import { verbHere } from './verb-here.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Symptom {
  /** Names the row for the test that makes its fault. */
  readonly id: string;
  /** With the guides that have it. */
  readonly symptom: string;
  readonly command: string;
  /** `…` stands for figures. */
  readonly says: string;
  /** The file of the test. */
  readonly file: string;
}

export const SYMPTOMS: readonly Symptom[] = [
  ...readFileSync(`${ROOT}docs/troubleshooting.md`, 'utf8').matchAll(
    /^\| (?<symptom>[^|]+\(\d{3}[^|]*\)) \| `\.\/signalbox (?<command>[^`]+)` \| `(?<says>[^`]+)` \| `(?<id>[a-z0-9-]+)` in `(?<file>test\/[\w./-]+)` \|$/gm,
  ),
].map(({ groups }) => groups as unknown as Symptom);

interface Given {
  /** Where the administration of a node is: `ADMIN_URL`. */
  readonly node?: string;
  /** What `"$NAME"` of the command stands for. */
  readonly values?: Readonly<Record<string, string>>;
  /** `section.key` → text, as `--set` gives it. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly environment?: Environment;
  /** What else is given to the verb. */
  readonly args?: readonly string[];
  /** In the process of the test, which takes a twentieth of the time that a process takes. */
  readonly isHere?: boolean;
}

export interface Named {
  /** The line of the answer, as it was printed. */
  readonly line: string;
  /** The line behind it: a command or a key. `null` when there is none. */
  readonly cure: string | null;
}

/**
 * Runs the command of a row while its fault is there.
 * @param id of the row
 * @throws Error with the whole answer, when no line of it, with its cure, names the fault as the row says
 */
export async function named(id: string, given: Given = {}): Promise<Named> {
  const row = SYMPTOMS.find((symptom) => symptom.id === id);
  if (row === undefined) throw new Error(`expected a row of docs/troubleshooting.md with the id ${id}`);
  const { testPath } = expect.getState();
  if (testPath !== undefined && testPath !== `${ROOT}${row.file}`)
    throw new Error(`the row ${id} says that its test is in ${row.file}, and it is in ${testPath}`);
  // On a busy machine a node may answer later than doctor waits.
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await run(row, given);
    try {
      return answerOf(row, outcome);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
    // Nodes tell each other once in a while how they are.
    await new Promise((resolve) => {
      setTimeout(resolve, TOLD_MS);
    });
  }
}

const [ATTEMPTS, TOLD_MS] = [4, 700];

function run({ command }: Symptom, given: Given): Promise<Outcome> {
  const { node, values = {}, settings = {}, environment, args = [], isHere = false } = given;
  const words = command.split(' ').map((word) => {
    const name = /^"\$(\w+)"$/.exec(word)?.[1];
    if (name === undefined) return word;
    const value = values[name];
    if (value === undefined) throw new Error(`expected a value of $${name} for ${command}`);
    return value;
  });
  const sets = Object.entries(settings).flatMap(([key, text]) => ['--set', `${key}=${text}`]);
  const all = { JWT_SECRET: SECRET, ADMIN_TOKEN, ...(node !== undefined && { ADMIN_URL: node }), ...environment };
  return (isHere ? verbHere : signalbox)([...words, ...args, ...sets], all);
}

/** Of `doctor` a line that is no `ok`, with the name of the check; of another verb any line. */
export function answerOf({ id, command, says }: Symptom, { code, out, err }: Outcome): Named {
  const escaped = says.split('…').map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const sentence = new RegExp(escaped.join('.*'));
  const check = /^doctor --only (\S+)/.exec(command)?.[1];
  const found = linesOf(`${out}\n${err}`).find(({ line, cure }) => {
    const isOfCheck = check === undefined || ['warn', 'fail'].some((level) => line.startsWith(`${level}  ${check} `));
    return isOfCheck && sentence.test(`${line} → ${cure}`);
  });
  if (found === undefined) throw new Error(`expected ${command} to name ${id}: ${says}\ngot:\n${out}${err}`);
  if (check !== undefined && found.line.startsWith('fail') && code === 0)
    throw new Error(`expected ${command} to end with a code that says no, got 0\n${out}`);
  return found;
}

/** Each line of an answer, with the cure behind it. */
function linesOf(text: string): readonly Named[] {
  const lines = text.split('\n');
  const cureIn = (line: string | undefined): string | null => /^ +→ (.*)/.exec(line ?? '')?.[1] ?? null;
  return lines.flatMap((line, at) => (cureIn(line) === null ? [{ line, cure: cureIn(lines[at + 1]) }] : []));
}
