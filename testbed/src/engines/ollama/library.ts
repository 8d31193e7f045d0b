import { createHash } from 'node:crypto';
import type { Exchange } from '../exchange.ts';
import { pause } from '../pause.ts';
import type { EngineParts } from '../scripted-engine.ts';
import type { ScriptedModel } from '../scripted-model.ts';
import { toTaggedName } from '../scripted-model.ts';
import { readGoStruct } from './go-json.ts';
import { errorJson, OllamaRefusal, sendOllamaJson } from './ollama-refusal.ts';
import { findModel } from './ollama-request.ts';

/** The models that can be pulled, and how a pull goes. */
export interface PullScript {
  readonly pullable: readonly ScriptedModel[];
  /** Progress lines of the model's layer. */
  readonly steps: number;
  /** Milliseconds between them. */
  readonly stepMs: number;
}

const fields = {
  model: { kind: 'string', type: 'string' },
  name: { kind: 'string', type: 'string' },
  stream: { kind: 'bool', type: 'bool' },
} as const;

export function createLibrary(parts: EngineParts, script: PullScript) {
  return {
    pull: (exchange: Exchange) => pull(exchange, parts, script),
    remove: (exchange: Exchange) => {
      readGoStruct(exchange.record, 'DeleteRequest', fields);
      const name = exchange.record.model;
      if (name === '') throw new OllamaRefusal(400, 'model is required');
      findModel(parts.core, name);
      parts.core.removeModel(name);
      exchange.send(200, {}, '');
    },
  };
}

async function pull(exchange: Exchange, { core }: EngineParts, script: PullScript): Promise<void> {
  const body = readGoStruct(exchange.record, 'PullRequest', fields);
  const name = exchange.record.model;
  if (name === '') throw new OllamaRefusal(400, 'invalid model name');
  const wanted = toTaggedName(name).toLowerCase();
  const known = core.findModel(name);
  const offered = script.pullable.find((model) => toTaggedName(model.name).toLowerCase() === wanted);
  const streams = body.stream !== false;
  const failure = 'pull model manifest: file does not exist';
  if (streams) {
    exchange.head(200, { 'content-type': 'application/x-ndjson' });
    exchange.write('{"status":"pulling manifest"}\n');
  }
  if (known === undefined && offered === undefined) {
    if (streams) exchange.end(`${errorJson(failure)}\n`);
    else exchange.send(500, { 'content-type': 'application/json' }, errorJson(failure));
    return;
  }
  for await (const line of progress(exchange, known?.sizeBytes ?? offered?.sizeBytes ?? 1e9, wanted, script)) {
    if (streams) exchange.write(`${JSON.stringify(line)}\n`);
  }
  if (exchange.gone) return;
  if (known === undefined && offered !== undefined) core.addModel(offered);
  if (streams) exchange.end('{"status":"success"}\n');
  else sendOllamaJson(exchange, 200, '{"status":"success"}');
}

interface ProgressLine {
  readonly status: string;
  readonly digest?: string;
  readonly total?: number;
  readonly completed?: number;
}

async function* progress(
  exchange: Exchange,
  total: number,
  name: string,
  script: PullScript,
): AsyncGenerator<ProgressLine> {
  const hash = createHash('sha256').update(name).digest('hex');
  const status = `pulling ${hash.slice(0, 12)}`;
  const digest = `sha256:${hash}`;
  for (let step = 0; step <= script.steps; step++) {
    if (exchange.gone) return;
    const completed = Math.floor((total * step) / script.steps);
    yield completed === 0 ? { status, digest, total } : { status, digest, total, completed };
    if (script.stepMs > 0 && step < script.steps) await pause(script.stepMs, exchange.signal());
  }
  yield { status: 'verifying sha256 digest' };
  yield { status: 'writing manifest' };
}
