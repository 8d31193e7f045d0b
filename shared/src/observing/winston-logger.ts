import { styleText } from 'node:util';
import winston from 'winston';
import type { LogFacts, Logger, LogLevel } from './logger.ts';

export interface WinstonLoggerOptions {
  readonly level: LogLevel;
  /** Lines for people; else one JSON object per line. */
  readonly isTerminal: boolean;
  /** Written on every line, such as the part of the program that speaks. */
  readonly facts?: LogFacts;
  readonly file?: { readonly path: string; readonly maxBytes: number; readonly maxFiles: number };
}

const rank: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };
const colours = { error: 'red', warn: 'yellow', info: 'cyan', debug: 'gray' } as const;

/** Logs to standard error, and to a file that is rotated if one is given. What is below the level costs one comparison. */
export function createWinstonLogger(options: WinstonLoggerOptions): Logger {
  const { combine, timestamp, json, printf } = winston.format;
  const lines = options.isTerminal ? combine(timestamp(), printf(toLine)) : combine(timestamp(), json());
  const transports: winston.transport[] = [
    new winston.transports.Console({ format: lines, stderrLevels: Object.keys(rank) }),
  ];
  if (options.file !== undefined) {
    const { path, maxBytes, maxFiles } = options.file;
    transports.push(
      new winston.transports.File({
        filename: path,
        maxsize: maxBytes,
        maxFiles,
        tailable: true,
        format: combine(timestamp(), json()),
      }),
    );
  }
  const logger = winston.createLogger({
    level: options.level,
    levels: rank,
    transports,
    ...(options.facts && { defaultMeta: options.facts }),
  });
  const limit = rank[options.level];
  const at = (level: LogLevel) => (event: string, facts?: LogFacts) => {
    if (rank[level] <= limit) logger.log({ level, message: event, ...facts });
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

function toLine(info: winston.Logform.TransformableInfo): string {
  const { level, message, timestamp, ...facts } = info;
  const shown = Object.entries(facts).map(
    ([name, value]) => `${styleText('dim', `${name}=`)}${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const time = String(timestamp).slice(11, 23);
  const colour = colours[level as LogLevel];
  return `${styleText('dim', time)} ${styleText(colour, level.padEnd(5))} ${String(message)}${shown.length > 0 ? `  ${shown.join(' ')}` : ''}`;
}
