/**
 * A service goes on when nobody reads its output any more: the end of a pipe that was closed, a terminal that is gone. What it says from
 * then on is lost; without this its next word would end it, and with it whatever runs.
 */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
