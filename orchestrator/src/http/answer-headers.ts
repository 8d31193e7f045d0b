/**
 * Names the node that answered, or all that did the work, separated by commas: an unload, a delete. Absent where no node had a part in the
 * answer: lists of what the cluster knows, health, refusals.
 */
export const nodeHeader = 'x-waggle-node';

/** How many times a node took the work on; what it gave back at once does not count. 0 where no node was asked. */
export const attemptsHeader = 'x-waggle-attempts';

export const noAttempts = [attemptsHeader, '0'] as const;

const printable = /^[\x20-\x7e]*$/;

/** Text that a header can carry; what it cannot is escaped as in URLs. */
export function toHeaderText(text: string): string {
  return printable.test(text) ? text : encodeURIComponent(text);
}

export function toNodeList(nodes: Iterable<string>): string {
  return [...new Set(nodes)].map(toHeaderText).join(', ');
}
