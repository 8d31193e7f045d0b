import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { isAlive } from './is-alive.mjs';

const CHECK_MS = 500;

/**
 * Calls `onGone` once when this process was started through npm and npm, or the shell it ran the script in, has died without
 * ending us. What somebody starts without npm, or detaches from it, lives as long as it likes: npm itself stays, whatever
 * becomes of the terminal. `parent` is the id of the process that started this one, read before anything that takes time.
 * Returns a function that ends the watch.
 */
export function watchStarter(parent, onGone) {
  if (process.env.npm_execpath === undefined) return () => {};
  // Where the shell is not replaced by its command, it lives on when npm is killed.
  let npm;
  findNpmAbove(parent).then(
    (pid) => {
      npm = pid;
    },
    () => {}, // not to be found out: the shell alone is watched
  );
  const timer = setInterval(() => {
    // Windows keeps a dead parent's id; elsewhere another process takes its place at once.
    const isShellThere = process.ppid === parent && isAlive(parent);
    if (isShellThere && (npm === undefined || isAlive(npm))) return;
    clearInterval(timer);
    onGone();
  }, CHECK_MS);
  return () => clearInterval(timer);
}

/** The parent of `shell`, if that is npm or one of its kind. On Windows npm takes its shell along when it dies. */
async function findNpmAbove(shell) {
  if (process.platform === 'win32') return undefined;
  const pid = await parentOf(shell);
  // Without the shell in between, npm is `shell` already, and above it is whoever may end any time.
  return pid > 1 && isNpm(await commandOf(pid)) ? pid : undefined;
}

async function parentOf(pid) {
  if (process.platform !== 'linux') return Number(await ask(pid, 'ppid='));
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

async function commandOf(pid) {
  if (process.platform !== 'linux') return ask(pid, 'args=');
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
}

function ask(pid, column) {
  return new Promise((resolve, reject) => {
    execFile('ps', ['-o', column, '-p', String(pid)], (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    );
  });
}

/** `npm start`, as npm names itself, or `node …/npm-cli.js start`. */
function isNpm(command) {
  return /(?:^|[\s/])(?:npm|pnpm|yarn)(?:-cli)?(?:\.[cm]?js)?(?:\s|$)/.test(command);
}
