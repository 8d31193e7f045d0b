/** The command and its options, as spawn takes them. On Windows npm is a script, which only the shell runs; it takes words apart at blanks. */
export function npmCommand(args, machine = { npmCli: process.env.npm_execpath, platform: process.platform }) {
  const { npmCli, platform } = machine;
  if (npmCli?.endsWith('npm-cli.js')) return [process.execPath, [npmCli, ...args], { shell: false }];
  if (platform !== 'win32') return ['npm', args, { shell: false }];
  return ['npm', args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)), { shell: true }];
}
