/** `signalbox version`. */
import { uwsVersion } from '../transport/uws.ts';
import type { Command, ExitCode } from './command.ts';
import { version } from './version.ts';

export const versionCommand: Command = {
  name: 'version',
  summary: 'Prints the version of the server, of Node.js and of uWebSockets.js.',
  usage: '',
  positionals: 0,
  options: {},
  run(): ExitCode {
    process.stdout.write(`signalbox ${version}, Node.js ${process.version}, uWebSockets.js ${uwsVersion}\n`);
    return 0;
  },
};
