import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const underTest = pathToFileURL(resolve('scripts/launcher/pnpm-environment.mjs')).href;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pnpm-environment-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The variables meant for pnpm where npm's global npmrc has these lines and the environment these variables. */
function handedOn(npmrc: readonly string[], variables: Record<string, string> = {}): Record<string, string> {
  const globalconfig = join(folder, 'npmrc');
  writeFileSync(globalconfig, npmrc.join('\n'));
  const program =
    `import { pnpmEnvironment } from '${underTest}'; ` +
    `const all = Object.entries(pnpmEnvironment(${JSON.stringify(folder)})); ` +
    `console.log(JSON.stringify(Object.fromEntries(all.filter(([name]) => /^pnpm_config_/i.test(name)))));`;
  const env = { PATH: process.env.PATH, HOME: folder, npm_config_globalconfig: globalconfig, ...variables };
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    encoding: 'utf8',
    env,
  });
  return JSON.parse(said);
}

test('hands on what npm’s global npmrc says about the way to the registry', () => {
  const npmrc = [
    'registry=http://mirror.test/npm/',
    `cafile=${join(folder, 'company.pem')}`,
    'ca[]=first',
    'ca[]=second',
    'proxy=http://proxy.test:1/',
    'https-proxy=http://proxy.test:2/',
    'noproxy=a.test,b.test',
    'strict-ssl=false',
    'fund=false',
  ];
  expect(handedOn(npmrc)).toEqual({
    pnpm_config_registry: 'http://mirror.test/npm/',
    pnpm_config_cafile: join(folder, 'company.pem'),
    pnpm_config_ca: '["first","second"]',
    pnpm_config_proxy: 'http://proxy.test:1/',
    pnpm_config_https_proxy: 'http://proxy.test:2/',
    pnpm_config_noproxy: 'a.test,b.test',
    pnpm_config_strict_ssl: 'false',
  });
});

test('leaves what the environment says for pnpm, and lets npm’s own variables stand above its files', () => {
  const npmrc = ['registry=http://mirror.test/npm/', 'cafile=/company.pem', 'https-proxy=http://proxy.test:2/'];
  const variables = {
    npm_config_registry: 'http://nearer.test/',
    pnpm_config_cafile: '/mine.pem',
    PNPM_CONFIG_HTTPS_PROXY: 'http://mine.test:3/',
  };
  expect(handedOn(npmrc, variables)).toEqual({
    pnpm_config_registry: 'http://nearer.test/',
    pnpm_config_cafile: '/mine.pem',
    PNPM_CONFIG_HTTPS_PROXY: 'http://mine.test:3/',
    pnpm_config_strict_ssl: 'true',
  });
});

test('without an answer from npm it hands on nothing', () => {
  expect(handedOn([], { npm_execpath: join(folder, 'gone', 'npm-cli.js') })).toEqual({});
});
