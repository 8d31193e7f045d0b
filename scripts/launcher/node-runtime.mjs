import { join } from 'node:path';
import { fetchTool } from './tools.mjs';
import { Unavailable } from './unavailable.mjs';

const WANTED_MAJOR = 24;
const PINNED = '24.21.0';
/** Platforms for which the npm registry has a package that is nothing but this Node's binary. */
const PUBLISHED = ['linux-x64', 'linux-arm64', 'win-x64'];
const BY_HAND = `Install Node ${WANTED_MAJOR} or newer (https://nodejs.org/en/download) and start again.`;

/** Path of a Node 24 or newer: the running one, else the pinned one fetched through npm. */
export function findNode(toolsDir) {
  if (Number.parseInt(process.versions.node, 10) >= WANTED_MAJOR) return process.execPath;

  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  if (!PUBLISHED.includes(platform) || isMusl()) {
    throw new Unavailable(
      `This is Node ${process.versions.node}; Waggle needs ${WANTED_MAJOR}, which cannot be fetched for this system (${platform}). ${BY_HAND}`,
    );
  }
  const folder = fetchNode(toolsDir, `node-${platform}`);
  return process.platform === 'win32' ? join(folder, 'bin', 'node.exe') : join(folder, 'bin', 'node');
}

function fetchNode(toolsDir, name) {
  try {
    return fetchTool(toolsDir, name, PINNED);
  } catch (error) {
    if (error.notPublished) return fetchTool(toolsDir, name, String(WANTED_MAJOR));
    throw error instanceof Unavailable ? new Unavailable(`${error.message} Or do without: ${BY_HAND}`) : error;
  }
}

/** Alpine and its like: the published Linux binaries need glibc. */
function isMusl() {
  if (process.platform !== 'linux') return false;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}
