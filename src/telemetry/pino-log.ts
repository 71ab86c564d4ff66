/** The log on standard output, by pino: one JSON object a line, or readable lines for a terminal. */
import pino, { type DestinationStream, type Logger } from 'pino';
import type { PrettyOptions, PrettyStream } from 'pino-pretty';
import { LogDestination } from './log-destination.ts';
import { boundedFields, boundedMessage } from './log-bounds.ts';
import type { Log, LogFields, LogLevel } from './log.ts';
import { missingPackage, requirePackage } from './optional-package.ts';

/** A default level, and levels of single rooms. */
export interface LogLevels {
  readonly fallback: LogLevel;
  readonly rooms: ReadonlyMap<string, LogLevel>;
}

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

/** Reads `info,connection=debug,router=trace`. @throws when a level is unknown */
export function parseLevels(text: string): LogLevels {
  let fallback: LogLevel = 'info';
  const rooms = new Map<string, LogLevel>();
  for (const part of text.split(',')) {
    const [left = '', right] = part.split('=');
    const level = (right ?? left) as LogLevel;
    if (!LEVELS.includes(level))
      throw new Error(`logging.level: expected ${LEVELS.join(', ')}, got ${JSON.stringify(level)}`);
    if (right === undefined) fallback = level;
    else rooms.set(left, level);
  }
  return { fallback, rooms };
}

export interface LogFacts {
  /** Lines that standard output did not take, since the start. */
  readonly lost: number;
  /** Bytes that it does not take now. */
  readonly waiting_bytes: number;
  /** That hold now, in the form of logging.level. */
  readonly levels: string;
  /** Of the lines: `pretty` is for eyes. */
  readonly format: 'json' | 'pretty';
}

/** Makes the logs of rooms. */
export class LogFactory {
  private readonly root: Logger;
  private levels: LogLevels;
  private readonly rooms = new Map<string, PinoLog>();
  private readonly output = new LogDestination();
  private readonly format: LogFacts['format'];

  constructor(levels: LogLevels, format: 'json' | 'pretty', fields: LogFields, destination?: DestinationStream) {
    this.levels = levels;
    const options = {
      level: 'trace',
      messageKey: 'message',
      base: fields,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label: string) => ({ level: label.toUpperCase() }) },
    };
    const missing = format === 'pretty' ? missingPackage('pino-pretty', 'logging.format = "pretty"') : null;
    this.format = missing === null ? format : 'json';
    this.root = pino(
      options,
      format === 'pretty' && missing === null
        ? readable(destination ?? pino.destination({ fd: 1, sync: true }))
        : (destination ?? this.output),
    );
    // A node that serves with JSON lines is of more use than one that does not start for the look of its log.
    if (missing !== null) this.room('telemetry').warn(`${missing}. The lines are JSON until then`);
    this.output.onResumed = (lost) => this.room('telemetry').warn('Log lines were lost: nobody took them', { lost });
  }

  /** Writes what still waits: the last lines say why the process ended. */
  flush(): void {
    this.output.flush();
  }

  /** Lines that standard output did not take. */
  get lostLines(): number {
    return this.output.lost;
  }

  facts(): LogFacts {
    const { output, levelsText: levels, format } = this;
    return { lost: output.lost, waiting_bytes: output.waitingBytes, levels, format };
  }

  /** The log of a room; its lines carry `target` = `signalbox::<room>`. */
  room(name: string): Log {
    const known = this.rooms.get(name);
    if (known !== undefined) return known;
    const room = new PinoLog(this.root.child({ target: `signalbox::${name}` }, { level: this.levelOf(name) }));
    this.rooms.set(name, room);
    return room;
  }

  /** The levels that hold now, in the form of logging.level. */
  get levelsText(): string {
    const { fallback, rooms } = this.levels;
    return [fallback, ...[...rooms].map(([room, level]) => `${room}=${level}`)].join(',');
  }

  /** Changes the levels of all rooms at once. Returns the way back. */
  setLevels(levels: LogLevels): () => void {
    const before = this.levels;
    this.levels = levels;
    for (const [name, room] of this.rooms) room.setLevel(this.levelOf(name));
    return () => void this.setLevels(before);
  }

  private levelOf(room: string): LogLevel {
    return this.levels.rooms.get(room) ?? this.levels.fallback;
  }
}

class PinoLog implements Log {
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  setLevel(level: LogLevel): void {
    this.logger.level = level;
  }

  isEnabled(level: LogLevel): boolean {
    return this.logger.isLevelEnabled(level);
  }

  trace(message: string, fields?: LogFields): void {
    this.write('trace', message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  private write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (this.isEnabled(level)) this.logger[level](boundedFields(fields), boundedMessage(message));
  }
}

function readable(destination: DestinationStream): DestinationStream {
  const pretty = requirePackage('pino-pretty') as (options: PrettyOptions) => PrettyStream;
  return pretty({
    messageKey: 'message',
    timestampKey: 'timestamp',
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'node,target',
    messageFormat: '{target}: {message}',
    colorize: process.stdout.isTTY,
    destination,
    sync: true,
  });
}
