import { parseEngineUrl, parseOllamaHost } from '@waggle/shared/addresses/engine-urls.ts';
import { type Environment, readVariable } from '@waggle/shared/process/variables.ts';
import type { Finding } from './finding.ts';

const ollama = 'http://127.0.0.1:11434';
const others = [
  { check: 'vLLM', url: 'http://127.0.0.1:8000/v1/models' },
  { check: 'llama-server', url: 'http://127.0.0.1:8080/health' },
  { check: 'LM Studio', url: 'http://127.0.0.1:1234/v1/models' },
];
const probeMs = 1_500;

/** The engines that a Waggle finds which is started with this environment. */
export async function checkEngines(environment: Environment): Promise<Finding[]> {
  const only = readVariable(environment, 'LLAMA_BASE_URL');
  if (only !== undefined) return checkOnly(only);
  return (await Promise.all([checkOllama(environment), ...others.map(checkUsual)])).flat();
}

/** Nothing else is looked for beside it. */
async function checkOnly(written: string): Promise<Finding[]> {
  const check = 'LLAMA_BASE_URL';
  const parsed = parseEngineUrl(written);
  if (!parsed.ok)
    return [
      { check, level: 'bad', found: parsed.problem, mend: `correct or unset ${check}: Waggle does not start with it` },
    ];
  const { url, dialect } = parsed;
  const setting: Finding = {
    check,
    level: 'ok',
    found: `is set: ${url} is the only engine that is used, no others are looked for`,
  };
  const answer = await probe(dialect === 'ollama' ? `${url}/api/version` : `${url}/models`);
  if (answer.kind === 'engine')
    return [setting, { check: dialect === 'ollama' ? 'Ollama' : 'engine', level: 'ok', found: answer.found }];
  const found = answer.kind === 'none' ? `nothing answers at ${url}` : answer.found;
  return [
    setting,
    { check: 'engine', level: 'bad', found, mend: `start the engine there, or correct or unset ${check}` },
  ];
}

async function checkOllama(environment: Environment): Promise<Finding[]> {
  const check = 'Ollama';
  const written = readVariable(environment, 'OLLAMA_HOST');
  if (written === undefined) return [await checkUsual({ check, url: `${ollama}/api/version` })];
  const url = parseOllamaHost(written);
  if (url === undefined)
    return [
      {
        check: 'OLLAMA_HOST',
        level: 'bad',
        found: 'is no address',
        mend: 'correct or unset it: Waggle does not start with it',
      },
    ];
  const answer = await probe(`${url}/api/version`);
  // People set it for their clients: the orchestrator knows its own address, an agent does not.
  if (answer.kind === 'waggle')
    return [
      {
        check: 'OLLAMA_HOST',
        level: 'warn',
        found: `names Waggle (${url}): right for clients, but an agent started with it finds no Ollama`,
        mend: 'unset it where npm run agent is started',
      },
      await checkUsual({ check, url: `${ollama}/api/version` }),
    ];
  const setting: Finding = { check: 'OLLAMA_HOST', level: 'ok', found: `is set: Ollama is looked for at ${url} only` };
  const mend = 'start it there, or correct or unset OLLAMA_HOST';
  return [
    setting,
    answer.kind === 'none'
      ? { check, level: 'warn', found: `nothing answers at ${url}`, mend }
      : { check, level: 'ok', found: answer.found },
  ];
}

async function checkUsual({ check, url }: { readonly check: string; readonly url: string }): Promise<Finding> {
  const answer = await probe(url);
  if (answer.kind !== 'waggle') return { check, level: 'ok', found: answer.found };
  return {
    check,
    level: 'bad',
    found: answer.found,
    mend: 'an engine must listen there, not Waggle; give Waggle another --port',
  };
}

interface Answer {
  readonly kind: 'engine' | 'waggle' | 'stranger' | 'none';
  readonly found: string;
}

async function probe(url: string): Promise<Answer> {
  const { host } = new URL(url);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(probeMs) });
    if (response.headers.get('server') === 'waggle')
      return { kind: 'waggle', found: `Waggle itself answers at ${host}` };
    const body = await response.text();
    if (!body.startsWith('{'))
      return { kind: 'stranger', found: `something else answers at ${host}; it is left alone` };
    const version = /"version":"([^"]+)"/.exec(body)?.[1];
    return { kind: 'engine', found: `answers at ${host}${version === undefined ? '' : `, version ${version}`}` };
  } catch {
    return { kind: 'none', found: `not at ${host}` };
  }
}
