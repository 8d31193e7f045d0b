import { expect, test } from 'vitest';
import { defaultDataFolder, resolvePath } from './data-location.ts';

const linux = { platform: 'linux', homeFolder: '/home/u', environment: {} } as const;

test.each([
  ['Linux', linux, '/home/u/.local/share/waggle'],
  ['Linux with XDG', { ...linux, environment: { XDG_DATA_HOME: '/xdg' } }, '/xdg/waggle'],
  ['Linux with a relative XDG', { ...linux, environment: { XDG_DATA_HOME: 'xdg' } }, '/home/u/.local/share/waggle'],
  ['Linux with XDG only', { ...linux, homeFolder: undefined, environment: { XDG_DATA_HOME: '/xdg' } }, '/xdg/waggle'],
  ['Linux without a home', { ...linux, homeFolder: undefined }, undefined],
  ['macOS', { ...linux, platform: 'darwin', homeFolder: '/Users/u' }, '/Users/u/Library/Application Support/Waggle'],
  ['Windows', { platform: 'win32', homeFolder: 'C:\\U', environment: { LOCALAPPDATA: 'D:\\L' } }, 'D:\\L\\Waggle'],
  [
    'Windows without LOCALAPPDATA',
    { platform: 'win32', homeFolder: 'C:\\U', environment: {} },
    'C:\\U\\AppData\\Local\\Waggle',
  ],
] as const)('on %s', (_, surroundings, folder) => {
  expect(defaultDataFolder(surroundings)).toBe(folder);
});

test.each([
  ['x', '/base/x'],
  ['/x', '/x'],
  ['~', '/home/u'],
  ['~/x', '/home/u/x'],
  ['~x', '/base/~x'],
  ['../x', '/x'],
])('%s is %s', (written, resolved) => {
  expect(resolvePath(written, '/base', linux)).toBe(resolved);
});
