import type { AttemptRecord, RequestRecord } from './request-record.ts';

/** Characters of a text that a record of the past keeps. What clients and engines write has no other bound than a body's. */
const shortTextMax = 256;
const messageMax = 2_048;

/** The record with its texts cut where they are too long to be kept a thousand times; mostly the very one that was given. */
export function toKeptRecord(record: RequestRecord): RequestRecord {
  const { model, client, error, attempts } = record;
  const isShort =
    model.length <= shortTextMax &&
    client.userAgent.length <= shortTextMax &&
    (error === undefined || error.message.length <= messageMax) &&
    attempts.every(isShortAttempt);
  if (isShort) return record;
  return {
    ...record,
    model: cut(model, shortTextMax),
    client: { ...client, userAgent: cut(client.userAgent, shortTextMax) },
    attempts: attempts.map((attempt) => (isShortAttempt(attempt) ? attempt : toKeptAttempt(attempt))),
    ...(error && { error: { ...error, message: cut(error.message, messageMax) } }),
  };
}

function isShortAttempt({ model, reason }: AttemptRecord): boolean {
  return model.length <= shortTextMax && (reason === undefined || reason.length <= messageMax);
}

function toKeptAttempt(attempt: AttemptRecord): AttemptRecord {
  const { model, reason } = attempt;
  return {
    ...attempt,
    model: cut(model, shortTextMax),
    ...(reason !== undefined && { reason: cut(reason, messageMax) }),
  };
}

/** Leaves no half of a character behind, and says that something is missing. */
function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
