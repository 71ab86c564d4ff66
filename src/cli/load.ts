/** `signalbox load`: puts load on a server and checks what it delivers. */
import { UsageError, type Command, type ExitCode } from './command.ts';
import { LOAD_OPTIONS, OF_CALIBRATION } from './load-options.ts';

export const load: Command = {
  name: 'load',
  summary: 'Puts load on a server, checks every sequence that it delivers, and reports latencies.',
  usage: '--url ws://localhost:8081/ws [--preset seed] [--json FILE] [--html FILE]',
  positionals: 0,
  options: LOAD_OPTIONS,
  exitCodes: '3 the run is void (the generator used more than 90 % of a processor)',
  async run(args): Promise<ExitCode> {
    // Only this verb needs it: the others start without.
    if (args.flag('calibrate')) {
      const { runCalibration } = await import('./calibrate.ts');
      return runCalibration(args, Object.keys(LOAD_OPTIONS));
    }
    const stranger = OF_CALIBRATION.find((name) => args.flag(name) || args.text(name) !== undefined);
    if (stranger !== undefined)
      throw new UsageError(`expected --calibrate with --${stranger}, which says nothing without it`);
    const { runLoad } = await import('./load-session.ts');
    return runLoad(args);
  },
};
