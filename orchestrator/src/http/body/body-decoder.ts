import type { Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';

/** 8 MiB for each decoder, as much as a sender may ask for (RFC 9659). */
const zstdWindowLog = 23;

/** What unpacks a body; undefined: it is not packed. Throws `bad-request` for what is not known here. */
export function createDecoder(encoding: string | undefined): Transform | undefined {
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return undefined;
    case 'zstd':
      return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } });
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    default:
      throw new ClusterError(
        'bad-request',
        `content-encoding ${JSON.stringify(encoding)} is not known, zstd and gzip are`,
      );
  }
}
