/** What a verb of the command line is, and how its arguments are read: unknown flags are errors, every verb has --help. */
import { parseArgs } from 'node:util';

/**
 * 0: done. 1: the answer is no, or it failed. 2: the command line or the configuration is wrong. 3 (`load`): the answer
 * means nothing.
 */
export type ExitCode = 0 | 1 | 2 | 3;

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** For the help text: what the value is. */
  readonly value?: string;
  readonly help: string;
}

export interface Arguments {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  flag(name: string): boolean;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** After `signalbox <name>`. */
  readonly usage: string;
  /** How many words may follow. */
  readonly positionals: number;
  readonly options: Readonly<Record<string, Option>>;
  /** Further lines of the help text. */
  readonly notes?: readonly string[];
  /** For the help text: exit codes that only this verb has. */
  readonly exitCodes?: string;
  run(args: Arguments): Promise<ExitCode> | ExitCode;
}

/** The command line is wrong: what was expected, what came, what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const HELP: Option = { type: 'boolean', short: 'h', help: 'show this help' };

/** @throws UsageError */
export function readArguments(command: Command, argv: readonly string[]): Arguments {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, help: HELP }).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short && { short }), ...(multiple && { multiple }) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
    if (positionals.length > command.positionals)
      throw new UsageError(
        `expected at most ${command.positionals} arguments, got ${positionals.length}: ${positionals.join(' ')}`,
      );
    return {
      positionals,
      text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
      list: (name) => (Array.isArray(values[name]) ? values[name].map(String) : []),
      flag: (name) => values[name] === true,
    };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The help text of a verb. */
export function helpOf(command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map(([name, { short, value, help }]) => {
    const left = `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${left.padEnd(34)}${help}`;
  });
  return [
    command.summary,
    '',
    `usage: signalbox ${command.name} ${command.usage}`.trimEnd(),
    '',
    ...rows,
    '',
    ...(command.notes === undefined ? [] : [...command.notes, '']),
    `exit codes: 0 done, 1 the answer is no or it failed, 2 the command line or the configuration is wrong${command.exitCodes === undefined ? '' : `, ${command.exitCodes}`}`,
  ].join('\n');
}
