import { randomBytes } from 'node:crypto';

/** What proves that an agent may join: `K10<sha256 of the CA, empty until there is TLS>::<secret>`. */
export interface JoinToken {
  /** SHA-256 of the cluster's CA certificate as 64 lower-case hex digits; empty while there is none. */
  readonly caSha256: string;
  /** Never travels; both sides prove that they know it. */
  readonly secret: string;
}

export type JoinTokenResult =
  | { readonly ok: true; readonly token: JoinToken }
  /** `problem` follows the name of what was read, and does not repeat any of it: a mistyped secret is a secret still. */
  | { readonly ok: false; readonly problem: string };

const PREFIX = 'K10';
const SECRET_BYTES = 32;
const MIN_SECRET_LENGTH = 16;
const MAX_SECRET_LENGTH = 256;

/** A token with a fresh secret of 32 random bytes. */
export function makeJoinToken(caSha256 = '', random: (size: number) => Buffer = randomBytes): JoinToken {
  return { caSha256, secret: random(SECRET_BYTES).toString('base64url') };
}

export function formatJoinToken({ caSha256, secret }: JoinToken): string {
  return `${PREFIX}${caSha256}::${secret}`;
}

export function parseJoinToken(text: string): JoinTokenResult {
  const trimmed = text.trim();
  if (trimmed === '') return refused('is empty');
  if (!trimmed.startsWith(PREFIX)) {
    const isNewer = /^K\d\d/.test(trimmed);
    return refused(
      isNewer ? 'is of a kind this version does not know' : 'must begin with K10, in the form K10::SECRET',
    );
  }
  const separator = trimmed.indexOf('::');
  if (separator === -1) return refused('has no :: in it; was it copied whole?');
  const caSha256 = trimmed.slice(PREFIX.length, separator).toLowerCase();
  if (!/^(?:[0-9a-f]{64})?$/.test(caSha256)) return refused('must have nothing or 64 hex digits between K10 and ::');
  const secret = trimmed.slice(separator + 2);
  if (secret.length < MIN_SECRET_LENGTH) {
    return refused(`must have a secret of at least ${MIN_SECRET_LENGTH} characters behind ::; was it copied whole?`);
  }
  if (secret.length > MAX_SECRET_LENGTH) return refused(`has a secret longer than ${MAX_SECRET_LENGTH} characters`);
  if (!/^[\w.~+/=-]+$/.test(secret)) return refused('may only have letters, digits and - _ . ~ + / = behind ::');
  return { ok: true, token: { caSha256, secret } };
}

function refused(problem: string): JoinTokenResult {
  return { ok: false, problem };
}
