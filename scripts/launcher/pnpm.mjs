import { join } from 'node:path';
import { fetchTool } from './tools.mjs';

const PINNED = '11.28.10';

/** Path of the pinned pnpm's entry file, to be run by Node 24 (pnpm checks `engines` against the Node it runs on). */
export function findPnpm(toolsDir) {
  return join(fetchTool(toolsDir, 'pnpm', PINNED), 'bin', 'pnpm.mjs');
}
