import { execFileSync } from 'node:child_process';

/** Checks shared/proto and writes the types of the wire: `npm run proto`. The output is committed. */
const buf = '../node_modules/@bufbuild/buf/bin/buf';
for (const args of [['lint'], ['format', '--write'], ['generate']]) {
  execFileSync(process.execPath, [buf, ...args], { cwd: 'shared', stdio: 'inherit' });
}
