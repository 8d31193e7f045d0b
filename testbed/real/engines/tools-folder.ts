import { existsSync } from 'node:fs';
import path from 'node:path';

const repository = path.resolve(import.meta.dirname, '../../..');

/**
 * The folder of tools beside the repository that can start real engines; undefined where there is none, and the suite
 * then runs against the addresses of the environment alone.
 */
export function findToolsFolder(): string | undefined {
  const folder = path.resolve(repository, '../shared/tools');
  return existsSync(path.join(folder, 'real-ollama/start.sh')) ? folder : undefined;
}
