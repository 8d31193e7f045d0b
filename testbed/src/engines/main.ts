import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { handleControlRequest } from './control-http.ts';
import { type OllamaEngineOptions, startOllamaEngine } from './ollama/start-ollama-engine.ts';
import { type OpenAiEngineOptions, startOpenAiEngine } from './openai/start-openai-engine.ts';
import type { ScriptedEngine } from './scripted-engine.ts';

/*
 * One scripted engine as a process of its own:
 *   main.ts --dialect ollama|vllm|llama-server|lm-studio [--port N] [--config JSON] [--watch-stdin]
 * Prints one line of JSON when it is ready: { ready, dialect, url, port, controlUrl, pid }. Ends on SIGTERM, SIGINT,
 * and with --watch-stdin when its standard input closes, so that it does not outlive a parent that was killed.
 */
const { values } = parseArgs({
  options: {
    dialect: { type: 'string', default: 'ollama' },
    port: { type: 'string', default: '0' },
    'watch-stdin': { type: 'boolean', default: false },
    config: { type: 'string', default: '{"models":[{"name":"scripted"}]}' },
  },
});

// Listened for before anybody can know that the process is there.
const told = new Promise<void>((resolve) => {
  process.once('SIGTERM', () => resolve());
  process.once('SIGINT', () => resolve());
  if (values['watch-stdin']) process.stdin.on('end', () => resolve()).resume();
});

await using engine = await startEngine(values.dialect, Number(values.port), values.config);
const control = createServer((request, response) => handleControlRequest(engine.control, request, response));
await new Promise<void>((resolve) => {
  control.listen(0, '127.0.0.1', resolve);
});
const controlUrl = `http://127.0.0.1:${(control.address() as AddressInfo).port}/ctl`;
const { url, port } = engine;
process.stdout.write(
  `${JSON.stringify({ ready: true, dialect: values.dialect, url, port, controlUrl, pid: process.pid })}\n`,
);

await told;
control.close();
control.closeAllConnections();
if (values['watch-stdin']) process.stdin.destroy();

function startEngine(dialect: string, listenOn: number, config: string): Promise<ScriptedEngine> {
  const options = JSON.parse(config) as OllamaEngineOptions & OpenAiEngineOptions;
  switch (dialect) {
    case 'ollama':
      return startOllamaEngine({ ...options, port: listenOn });
    case 'vllm':
    case 'llama-server':
    case 'lm-studio':
      return startOpenAiEngine({ ...options, flavour: dialect, port: listenOn });
    default:
      throw new Error(`unknown dialect: ${dialect}`);
  }
}
