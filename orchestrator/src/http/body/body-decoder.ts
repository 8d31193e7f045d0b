import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';

/** What unpacks a body; undefined: it is not packed. Throws `bad-request` for what is not known here. */
export function createDecoder(encoding: string | undefined): Transform | undefined {
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return undefined;
    case 'zstd':
      return createZstdDecompress();
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
