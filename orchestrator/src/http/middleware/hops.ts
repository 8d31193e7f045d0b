import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';

/** A chain of clusters longer than this is taken for one without an end. */
const hopsMax = 8;
/** Ids as they are in `cluster-id`, and what other versions may make of them. */
const HOPS = /^[\w.:-]{1,64}(?:\s*,\s*[\w.:-]{1,64})*$/;

/** Says why a request that names the clusters it went through in `x-waggle-hops` is not taken; undefined: it is. */
export function judgeHops(hops: string, clusterId: string): ClusterError | undefined {
  if (hops.length > hopsMax * 80 || !HOPS.test(hops)) {
    return new ClusterError('bad-request', 'x-waggle-hops must be a list of cluster ids', {
      details: { param: 'x-waggle-hops' },
    });
  }
  const passed = hops.split(',').map((hop) => hop.trim());
  if (passed.includes(clusterId)) {
    return new ClusterError(
      'loop-detected',
      'this request already went through this Waggle: one of its engines leads back here. Point that engine entry (or OLLAMA_HOST of the machine it runs on) at the engine itself',
      { details: { param: 'x-waggle-hops' } },
    );
  }
  if (passed.length < hopsMax) return undefined;
  return new ClusterError(
    'loop-detected',
    `this request went through ${passed.length} clusters before, which are too many`,
    {
      details: { param: 'x-waggle-hops' },
    },
  );
}
