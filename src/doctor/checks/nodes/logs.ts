/** Whether what nodes write reaches somebody, and whether it is as much as is wanted. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { fail, warn, type Observation } from '../../finding.ts';

const LEVEL = './signalbox emergency log-level info --ttl 1h for now, logging.level = "info" for good';

export const nodesLogs: Check = {
  name: 'nodes.logs',
  looksAt:
    'Whether standard output takes the lines of the log, whether programs can parse them, and whether the level leaves out or adds too much.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ logs }): readonly Observation[] => {
        if (logs === undefined) return [];
        const { lost, waiting_bytes: waiting, levels, format } = logs;
        const found: Observation[] = [];
        const cure =
          'look at what reads its standard output: a full disk, a log driver that hangs, a pipe that nobody reads';
        if (waiting > 0)
          found.push(
            fail(`standard output takes no lines of the log: ${waiting} bytes wait, ${lost} lines are lost`, cure),
          );
        else if (lost > 0) found.push(warn(`${lost} lines of the log were lost since the start`, cure));
        const [level = ''] = levels.split(',');
        if (level === 'error' || level === 'warn')
          found.push(warn(`the level of the log is ${levels}: lines below ${level} are not written`, LEVEL));
        if (level === 'debug' || level === 'trace')
          found.push(warn(`the level of the log is ${levels}: it grows by lines for every frame`, LEVEL));
        if (format === 'pretty')
          found.push(
            warn(
              'the lines of the log are for eyes (logging.format = "pretty"): no program parses them',
              'logging.format = "json" (LOG_FORMAT), and start the node anew',
            ),
          );
        return found;
      },
      (nodes) =>
        `logs are written, at level ${[...new Set(nodes.map(({ logs }) => logs?.levels ?? 'unknown'))].join(' and ')}`,
    ),
};
