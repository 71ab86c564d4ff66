/** A Dockerfile as its instructions, and what a .dockerignore lets through: of both the part that ours use. */

export interface Instruction {
  readonly name: string;
  /** As written, flags included, continued lines joined. */
  readonly text: string;
}

export interface Stage {
  readonly image: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** What can be carried out, or says nothing that has to be: anything else is refused, and not passed over. */
const KNOWN = new Set('WORKDIR COPY RUN ENV USER LABEL EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD'.split(' '));

/** @throws Error with the line that it does not know */
export function readDockerfile(text: string): readonly Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = [];
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
  for (const line of lines
    .join('\n')
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .split('\n')) {
    const [, name = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    const [, image = '', , as = ''] = name === 'FROM' ? (/^(\S+)( AS (\S+))?$/.exec(rest) ?? []) : [];
    if (image !== '') stages.push({ image, name: as, instructions: [] });
    else if (KNOWN.has(name)) stages.at(-1)?.instructions.push({ name, text: rest });
    else throw new Error(`expected FROM or one of ${[...KNOWN].join(', ')}, got: ${line}`);
  }
  return stages;
}

/** `COPY [--from=STAGE] SOURCE… TARGET`. */
export function readCopy(text: string): { from: string; sources: readonly string[]; target: string } {
  const words = text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const [flag = ''] = flags;
  if (flags.length > 1 || (flag !== '' && !flag.startsWith('--from=')))
    throw new Error(`expected COPY with --from or without flags, got: COPY ${text}`);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from: flag.slice('--from='.length), sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}

/** `["a", "b"]`, the only form in which ours gives the words of a process. */
export function readWords(text: string): readonly string[] {
  return JSON.parse(text) as string[];
}

/** Whether a path of the context is sent. The file begins with `*`, and lets through names of the top. */
export function readIgnore(text: string): (path: string) => boolean {
  const [first, ...lines] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (first !== '*') throw new Error(`expected .dockerignore to begin with *, got: ${first}`);
  const allowed = new Set(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
  const dropped = lines
    .filter((line) => !line.startsWith('!'))
    .map((line) => {
      if (!/^\*\*\/[\w.*-]+$/.test(line)) throw new Error(`expected **/NAME, got: ${line}`);
      return new RegExp(
        `(?:^|/)${line
          .slice(3)
          .replaceAll('.', String.raw`\.`)
          .replaceAll('*', '[^/]*')}$`,
      );
    });
  return (path) => allowed.has(path.split('/')[0] ?? '') && !dropped.some((pattern) => pattern.test(path));
}
