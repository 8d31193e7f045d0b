/**
 * What a program of the testbed is asked for: `read` gives it, gives undefined for `--help`, or throws a TypeError for what makes no
 * sense. In the latter two cases it is said, and the process ends.
 */
export function readOptions<Options>(read: () => Options | undefined, usage: string): Options {
  try {
    const options = read();
    if (options !== undefined) return options;
    process.stdout.write(usage);
    process.exit(0);
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    process.stderr.write(`${thrown.message.split('. ')[0]}; --help shows what there is\n`);
    process.exit(1);
  }
}

/** @throws TypeError */
export function toWholeNumber(flag: string, text: string, least = 0): number {
  const number = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least) return number;
  throw new TypeError(`${flag} must be a whole number from ${least}, not ${text}`);
}
