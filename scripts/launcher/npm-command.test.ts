import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

interface UnderTest {
  readonly npmCommand: (
    args: readonly string[],
    machine: { readonly npmCli: string | undefined; readonly platform: string },
  ) => unknown;
}
const { npmCommand } = (await import(pathToFileURL(resolve('scripts/launcher/npm-command.mjs')).href)) as UnderTest;

const args = ['install', '--prefix', 'C:\\My Files\\waggle'];

it.each([
  [
    'the npm that runs',
    { npmCli: '/lib/npm-cli.js', platform: 'win32' },
    [process.execPath, ['/lib/npm-cli.js', ...args], { shell: false }],
  ],
  ['not another tool that runs', { npmCli: '/lib/yarn.js', platform: 'linux' }, ['npm', args, { shell: false }]],
  [
    'a script on Windows',
    { npmCli: undefined, platform: 'win32' },
    ['npm', ['install', '--prefix', '"C:\\My Files\\waggle"'], { shell: true }],
  ],
] as const)('%s', (_, machine, expected) => {
  expect(npmCommand(args, machine)).toEqual(expected);
});
