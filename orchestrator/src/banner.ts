import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { NodeView } from './cluster/views.ts';

export interface BannerFacts {
  readonly version: string;
  readonly url: string;
  /** What other machines run to join; undefined while the gRPC port is on loopback. */
  readonly joinCommand: string | undefined;
  readonly dataFolder: string;
  readonly notices: readonly string[];
}

/** The lines a person sees at start. */
export function toBanner(facts: BannerFacts): string {
  const join = facts.joinCommand ?? 'other machines may join after a restart with: npm start -- --lan';
  return [
    `Waggle ${facts.version}`,
    '',
    `  address     ${facts.url}   (Ollama API at /api, OpenAI API at /v1)`,
    `  add a node  ${join}`,
    `  data        ${facts.dataFolder}`,
    ...facts.notices.map((notice) => `  note        ${notice}`),
    '',
  ].join('\n');
}

const shownModels = 8;
const noEngine = [
  '  engines     none yet: start Ollama (or vLLM, llama-server, LM Studio) and it is found within 10 s,',
  '              or set LLAMA_BASE_URL to where one is',
  '',
].join('\n');
const noLocalEngine =
  '  engines     none yet: those of this machine are left alone, nodes bring theirs when they join\n';

/** What was found on a node, one line per engine; what to do where nothing was. `hasLocal`: engines of this machine are looked for. */
export function toEngineLines(
  nodes: readonly NodeView[],
  findings: readonly { readonly url: string; readonly what: string }[],
  hasLocal: boolean,
): string {
  const leftAlone = findings.map(({ url, what }) => `  left alone  ${url}: ${what}\n`).join('');
  const engines = nodes.flatMap((node) => node.engines.map((engine) => ({ node, engine }))).filter(isWorthALine);
  if (engines.length === 0) return `${leftAlone}${hasLocal ? noEngine : noLocalEngine}`;
  return `${engines
    .map(({ node, engine }) => {
      const { kind, url, health, problem, version } = engine.report;
      if (engine.usedThrough !== undefined)
        return `  engine      ${node.name}: ${kind} at ${url} is the one of node ${engine.usedThrough.node.name}, and used there`;
      if (health !== 'up')
        return `  engine      ${node.name}: ${kind} at ${url} is down: ${problem ?? 'no answer'}; it is tried again`;
      const models = engine.models.map(({ report }) => describeModel(report));
      const more = models.length > shownModels ? ` and ${models.length - shownModels} more` : '';
      const list =
        models.length === 0
          ? 'no models yet; get one with: npm run waggle -- pull NAME'
          : `${models.slice(0, shownModels).join(', ')}${more}`;
      const what = kind === 'builtin' ? 'built-in' : `${kind}${version === '' ? '' : ` ${version}`} at ${url}`;
      return `  engine      ${node.name}: ${what}: ${list}`;
    })
    .join('\n')}\n${leftAlone}`;
}

/** The built-in engine is always there; where it has no model and others do, it is no news. */
function isWorthALine({
  node,
  engine,
}: {
  readonly node: NodeView;
  readonly engine: NodeView['engines'][number];
}): boolean {
  const { kind, health } = engine.report;
  return kind !== 'builtin' || health !== 'up' || engine.models.length > 0 || node.engines.length === 1;
}

function describeModel({ name, state, scripted }: ModelReport): string {
  if (scripted === true)
    return `${name} (scripted, until there is a model; get one with: npm run waggle -- pull qwen3:0.6b)`;
  return state === 'hot' ? `${name} (hot)` : name;
}
