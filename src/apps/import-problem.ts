/** Why a module could not be imported, with the line, and what newcomers to stripped types write by mistake. */

/** What `error.stack` of a syntax error begins with. */
const PLACE = /^(?:file:\/\/)?(.+:\d+)\n/;

export function importProblem(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, place] = PLACE.exec(error.stack ?? '') ?? [];
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (${place})`}${hint(error)}`;
}

function hint(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return '; types are stripped and nothing is compiled: "erasableSyntaxOnly" of tsc finds such places';
  if (/ '(?:[^']*\/)?signalbox' does not provide an export named /.test(error.message))
    return "; types are imported with: import type { App } from 'signalbox'";
  if (error.message.startsWith('Cannot find package ')) return '; a file is named by a path that begins with ./ or /';
  return '';
}
