import winston from 'winston';
import { createBoundedLogger, type LevelledLogger } from './bounded-logger.ts';
import { toJsonLine, toTerminalLine } from './line-format.ts';
import type { LogLine, LogSink } from './log-line.ts';
import { type LogLevel, levelRank } from './logger.ts';

interface LogFile {
  readonly path: string;
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export interface WinstonLoggerOptions {
  readonly level: LogLevel;
  /** Lines for people; else one JSON object per line. */
  readonly isTerminal: boolean;
  readonly file?: LogFile;
  /** More lines than this are dropped, the lowest levels first. */
  readonly maxLinesPerSecond?: number;
}

/** Lines that may wait for a disk or a reader that stands still. */
const waitingMaxLines = 1_000;

/** Logs to standard error, and to a file that is rotated if one is given, within bounds. */
export function createWinstonLogger(options: WinstonLoggerOptions): LevelledLogger {
  const { level, isTerminal, file, maxLinesPerSecond } = options;
  const terminal = createTerminalSink(isTerminal);
  const sinks = file === undefined ? [terminal] : [terminal, createFileSink(file, terminal)];
  return createBoundedLogger({ level, sinks, ...(maxLinesPerSecond !== undefined && { maxLinesPerSecond }) });
}

/** Standard error. */
export function createTerminalSink(isTerminal: boolean): LogSink {
  const format = toFormat(isTerminal ? toTerminalLine : toJsonLine);
  const logger = createTransportLogger(new winston.transports.Console({ format, stderrLevels: levels }));
  return { write: (line) => hasRoom(logger) && send(logger, line) };
}

/** A file that takes no lines ends nothing and holds up nothing; it is said where lines still arrive. */
function createFileSink({ path, maxBytes, maxFiles }: LogFile, terminal: LogSink): LogSink {
  const say = (event: string, facts: LogLine['facts']) =>
    terminal.write({ timeMs: Date.now(), level: 'error', event, facts: { file: path, ...facts } });
  let logger: winston.Logger;
  try {
    const options = { filename: path, maxsize: maxBytes, maxFiles, tailable: true, format: toFormat(toJsonLine) };
    logger = createTransportLogger(new winston.transports.File(options));
  } catch (thrown) {
    say('log-file-failed', { error: String(thrown) }); // its folder cannot be made
    return { write: () => true };
  }
  let missing = 0;
  return {
    write(line) {
      if (missing > 0 ? logger.writableLength === 0 : hasRoom(logger)) {
        if (missing > 0) say('log-file-recovered', { missing });
        missing = 0;
        return send(logger, line);
      }
      if (missing === 0) say('log-file-failed', { error: 'it takes no lines' });
      missing++;
      return true; // the terminal has it
    },
  };
}

/** One for each transport: one that stands still does not hold up the others. */
function createTransportLogger(transport: winston.transport): winston.Logger {
  const logger = winston.createLogger({ level: 'debug', levels: levelRank, transports: [transport] });
  logger.on('error', () => {}); // would end the program; what follows from it is seen by lines that wait
  return logger;
}

function hasRoom(logger: winston.Logger): boolean {
  return logger.writableLength < waitingMaxLines;
}

function send(logger: winston.Logger, line: LogLine): true {
  logger.log({ level: line.level, message: line.event, line });
  return true;
}

function toFormat(toText: (line: LogLine) => string): winston.Logform.Format {
  return winston.format.printf(({ line }) => toText(line as LogLine));
}

const levels = Object.keys(levelRank);
