import { randomBytes } from 'node:crypto';

const SANE = /^[\w.-]{1,128}$/;

/** Gives every request its id: the client's own where it is harmless in logs and headers, else a fresh short one. */
export type RequestIds = (given: string | string[] | undefined) => string;

/** Fresh ids are a random part of this process and a count: unique, short, and cheap to make. */
export function createRequestIds(prefix = randomBytes(4).toString('hex')): RequestIds {
  let count = 0;
  return (given) => {
    if (typeof given === 'string' && SANE.test(given)) return given;
    count++;
    return `${prefix}-${count.toString(36)}`;
  };
}
