/** Names the node that answered. */
export const nodeHeader = 'x-waggle-node';

const printable = /^[\x20-\x7e]*$/;

/** Text that a header can carry; what it cannot is escaped as in URLs. */
export function toHeaderText(text: string): string {
  return printable.test(text) ? text : encodeURIComponent(text);
}
