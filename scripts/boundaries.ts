/**
 * The boundary table: which folder may import what. Imports run edge -> application -> core; infrastructure implements
 * ports; shared lies under all; nothing imports the edge. oxlint.config.ts enforces the table, boundaries.test.ts shows
 * every line of it refusing a bad import.
 */

/** Imports that are refused, by pattern over the text of the import, and the reason shown with the refusal. */
type Ban = { readonly message: string; readonly allowTypeImports?: boolean } & (
  | { readonly group: string[] }
  | { readonly regex: string }
);

interface Zone {
  readonly files: string[];
  readonly bans: readonly Ban[];
}

/** A folder of the same package, from any depth. */
function folders(names: readonly string[], message: string): Ban {
  return { regex: `^(\\.\\./)+(${names.join('|')})/`, message };
}

/** Files that stand above all folders of a package. */
function root(names: readonly string[], message: string): Ban {
  return { regex: `^(\\.\\./)+(${names.join('|')})\\.ts$`, message };
}

function packages(names: readonly string[], message: string): Ban {
  return { group: names.flatMap((name) => [name, `${name}/**`]), message };
}

const BY_NAME: Ban = {
  regex: '^\\.\\./.*(shared|orchestrator|node-agent|cli)/src/',
  message: 'Another package is imported by its name (@waggle/...), so that its dependencies are declared.',
};
const GENERATED: Ban = {
  regex: '/generated/',
  message: 'Generated wire types stop at the converters in shared/src/wire: import those.',
};
const HONO = packages(['hono', '@hono/node-server'], 'Only http/ knows the web framework.');
const GRPC = packages(
  ['@grpc/grpc-js'],
  'Only the transports know gRPC: grpc/ in the orchestrator, link/ in the node-agent, wire/ and lane-link/ in shared.',
);
const NODE_AGENT = packages(
  ['@waggle/node-agent'],
  'Only main.ts and in-process/ put a node into the orchestrator; everything else sees the LaneLink port.',
);
const ORCHESTRATOR = packages(['@waggle/orchestrator'], 'A node-agent knows the orchestrator by the wire alone.');
const TOOLS = packages(
  ['@waggle/cli', '@waggle/testbed'],
  'The product does not depend on its command line or testbed.',
);
const OURS = packages(['@waggle/*'], 'shared is the bottom: it imports nothing of ours.');
const ONLY_MAINS: Ban = {
  group: [
    '@waggle/orchestrator/**',
    '@waggle/node-agent/**',
    '!@waggle/orchestrator/main.ts',
    '!@waggle/node-agent/main.ts',
  ],
  message: 'The command line starts the mains and talks REST; it uses nothing inside them.',
};

const PROCESS = packages(
  ['node:process', 'process'],
  'The global is enough; imported under another name its env could be read unseen.',
);
/** All there is in `src` itself, but tests: a test of this table looks. */
const ROOT_OF_ORCHESTRATOR = root(
  ['app', 'banner', 'live-settings', 'main', 'start'],
  'The composition root sees everything and is seen by nothing below it.',
);
const ROOT_OF_NODE_AGENT: Ban = {
  ...root(
    ['agent', 'create-node', 'engine-node', 'main', 'membership', 'start-lines'],
    'What puts the agent together is seen by nothing below it, but for its types.',
  ),
  allowTypeImports: true,
};

const OTHER_EDGE = 'The edges do not know each other; what they share belongs to the application or core.';
const EDGE = folders(
  ['http', 'grpc', 'in-process'],
  'Nothing imports the edge: http/, grpc/ and in-process/ call inwards.',
);
const APPLICATION = folders(
  ['inference', 'operations', 'patterns', 'agents', 'workflows', 'runs'],
  'The application lies above: core, infrastructure and config are used by it and do not know it.',
);
const INFRASTRUCTURE = folders(
  ['storage', 'telemetry'],
  'Core is pure: declare a port here and let main.ts pass the storage or telemetry in.',
);

const EVERYWHERE = [BY_NAME, GENERATED];
const IN_SHARED = [BY_NAME, OURS, HONO, PROCESS];
const IN_ORCHESTRATOR = [...EVERYWHERE, TOOLS, PROCESS, ROOT_OF_ORCHESTRATOR];
const IN_NODE_AGENT = [...EVERYWHERE, TOOLS, ORCHESTRATOR, PROCESS, ROOT_OF_NODE_AGENT];

/** A file belongs to the last zone that matches it; the bans of earlier zones do not add up. */
const ZONES: readonly Zone[] = [
  { files: ['testbed/**', 'scripts/**'], bans: EVERYWHERE },
  { files: ['cli/**'], bans: [...EVERYWHERE, ONLY_MAINS, packages(['@waggle/testbed'], TOOLS.message)] },

  { files: ['shared/**'], bans: [...IN_SHARED, GENERATED, GRPC] },
  { files: ['shared/src/lane-link/**'], bans: [...IN_SHARED, GENERATED] },
  { files: ['shared/src/wire/**'], bans: IN_SHARED },

  { files: ['orchestrator/**'], bans: [...IN_ORCHESTRATOR, HONO, GRPC, NODE_AGENT] },
  { files: ['orchestrator/src/main.ts'], bans: [...IN_ORCHESTRATOR, HONO, GRPC] },
  {
    files: ['orchestrator/src/http/**'],
    bans: [...IN_ORCHESTRATOR, GRPC, NODE_AGENT, folders(['grpc', 'in-process'], OTHER_EDGE)],
  },
  // Starts the app for tests.
  { files: ['orchestrator/src/http/test-server.ts'], bans: [...EVERYWHERE, GRPC, NODE_AGENT] },
  {
    files: ['orchestrator/src/grpc/**'],
    bans: [...IN_ORCHESTRATOR, HONO, NODE_AGENT, folders(['http', 'in-process'], OTHER_EDGE)],
  },
  {
    files: ['orchestrator/src/in-process/**'],
    bans: [...IN_ORCHESTRATOR, HONO, GRPC, folders(['http', 'grpc'], OTHER_EDGE)],
  },
  {
    files: ['orchestrator/src/{inference,operations,patterns,agents,workflows,runs}/**'],
    bans: [...IN_ORCHESTRATOR, HONO, GRPC, NODE_AGENT, EDGE],
  },
  {
    files: ['orchestrator/src/{cluster,scheduling,caching}/**'],
    bans: [...IN_ORCHESTRATOR, HONO, GRPC, NODE_AGENT, EDGE, APPLICATION, INFRASTRUCTURE],
  },
  {
    files: ['orchestrator/src/{storage,telemetry,config}/**'],
    bans: [...IN_ORCHESTRATOR, HONO, GRPC, NODE_AGENT, EDGE, APPLICATION],
  },

  { files: ['node-agent/**'], bans: [...IN_NODE_AGENT, HONO, GRPC] },
  { files: ['node-agent/src/http/**'], bans: [...IN_NODE_AGENT, GRPC] },
  {
    files: ['node-agent/src/link/**'],
    bans: [...IN_NODE_AGENT, HONO, folders(['http'], 'The link and the HTTP port are two edges; main.ts joins them.')],
  },
  {
    files: ['node-agent/src/jobs/**'],
    bans: [
      ...IN_NODE_AGENT,
      HONO,
      GRPC,
      folders(['link', 'http'], 'Jobs are run for whoever binds them, by whatever link.'),
    ],
  },
  {
    files: ['node-agent/src/{engines,capacity,config,discovery,logging}/**'],
    bans: [
      ...IN_NODE_AGENT,
      HONO,
      GRPC,
      folders(
        ['link', 'http', 'jobs'],
        'Engines, probes, discovery, logging and config are leaves: they do not know who uses them.',
      ),
    ],
  },
];

const READS_ENVIRONMENT = 'Only config/ reads the environment: hand in what is needed.';
/** Every way to get at the environment, but for an import (see PROCESS). */
export const environmentAccess = [
  { object: 'process', property: 'env', message: READS_ENVIRONMENT },
  { object: 'globalThis', property: 'process', message: READS_ENVIRONMENT },
];
export const environmentReaders = [
  'orchestrator/src/config/**',
  'node-agent/src/config/**',
  'cli/src/context.ts',
  '.ci/**',
  'scripts/**',
  'testbed/**',
];

export const boundaryOverrides = ZONES.map(({ files, bans }) => {
  const rule: ['error', { patterns: Ban[] }] = ['error', { patterns: [...bans] }];
  return { files, rules: { 'no-restricted-imports': rule } };
});
