// Every key of the configuration: what it means, its unit, its bounds and its default. Messages, environment names
// and the tests of config.yaml.example are derived from here.
import { z } from 'zod';
import { choice, duration, host, keepTime, nodeCount, size, text, textList, wholeNumber, yesNo } from './values.ts';

/** Level names from quiet to talkative. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** Engine kinds an entry of `nodes` may name, and the dialect each is driven in. */
export const ENGINE_KINDS = { ollama: 'ollama', 'openai-compatible': 'openai' } as const;

const serverSchema = z.strictObject({
  host: host().prefault('127.0.0.1').describe('Address the HTTP port listens on; 0.0.0.0 is every interface.'),
  port: wholeNumber(0, 65_535).prefault(3001).describe('HTTP port; 0 takes any free one.'),
  basePath: text({ expected: 'a path such as /waggle' }, /^\/?$|^(?:\/[\w.~-]+)+\/?$/)
    .prefault('/')
    .describe('Path in front of every route, for a reverse proxy that keeps its prefix.'),
  readTimeout: duration('100ms', '24h').prefault(30).describe('Longest pause without a byte while a request is read.'),
  writeTimeout: duration('100ms', '24h')
    .prefault(30)
    .describe('Longest pause in which a client takes no byte of its answer; then it is cut off.'),
  headersTimeout: duration('100ms', '10m')
    .prefault(10)
    .describe('Longest time for the headers of a request to arrive.'),
  keepAliveTimeout: duration('0s', '1h').prefault(75).describe('How long an idle connection is kept open.'),
  drainTimeout: duration('0s', '1h')
    .prefault(30)
    .describe('How long running requests may go on when the program is asked to end.'),
  maxHeaderBytes: size('1KiB', '1MiB').prefault('16KiB').describe('Largest request head.'),
  maxConnections: wholeNumber(1, 1_000_000).prefault(10_000).describe('Most open client connections.'),
  queueSize: wholeNumber(0, 1_000_000)
    .prefault(512)
    .describe('Most requests held while every slot is busy; beyond it 503.'),
  concurrency: wholeNumber(1, 1_000_000)
    .optional()
    .describe('Most requests running at once; absent: the sum of all slots.'),
  origins: textList(
    { expected: 'web origins such as https://chat.example.com, with * as wildcard' },
    /^\*$|^[a-z][a-z0-9+.*-]*:\/\/\S*$/i,
  )
    .prefault([])
    .describe('Web pages that may call the API, besides those of this machine.'),
  hosts: textList({ expected: 'host names without port, with *. as wildcard' }, /^(?:\*\.)?[\w.:-]+$/)
    .prefault([])
    .describe(
      'Further names of this machine in the Host header: to be let in on loopback, and to change models from here.',
    ),
  remoteAdmin: yesNo()
    .prefault(false)
    .describe('Lets every client change models and nodes, not only those on this machine or with the admin token.'),
});

const clusterSchema = z.strictObject({
  host: host().prefault('127.0.0.1').describe('Address the gRPC port for agents listens on.'),
  grpcPort: wholeNumber(0, 65_535).prefault(50_051).describe('Port agents dial (gRPC); 0 takes any free one.'),
  lan: yesNo()
    .prefault(false)
    .describe('Opens a loopback gRPC port to every interface; makes and keeps a join token if none is given.'),
  joinToken: text({ expected: 'a join token of the form K10::SECRET', secret: true })
    .optional()
    .describe('What an agent must know to join; needed as soon as the gRPC port is open beyond loopback.'),
  advertise: text({ expected: 'HOST or HOST:PORT' })
    .optional()
    .describe('Address agents are told to dial, when it differs from the one listened on.'),
});

const limitsSchema = z.strictObject({
  maxBodyBytes: size('1KiB', '1GiB').prefault('64MiB').describe('Largest request body.'),
  heldBytes: size('1KiB', '1TiB')
    .prefault('256MiB')
    .describe('Most bytes of request bodies kept in memory: for held requests, and for those that are answered.'),
  streamBufferBytes: size('1KiB', '1GiB')
    .prefault('1MiB')
    .describe('Most bytes of one answer waiting for a slow client before its engine is slowed down.'),
  nodeBufferBytes: size('1KiB', '1TiB')
    .prefault('64MiB')
    .describe('Most bytes of all answers of one engine waiting for slow clients.'),
  jsonDepth: wholeNumber(4, 1_000).prefault(128).describe('Deepest nesting of a JSON body.'),
  jsonValues: wholeNumber(1_000, 1_000_000_000)
    .prefault(400_000)
    .describe('Most values of a JSON body; an object or list counts 3, a text or name 10, as they cost to read.'),
  lanesPerNode: wholeNumber(1, 100_000).prefault(1_024).describe('Most lanes (slots) one node may open.'),
  nodes: wholeNumber(1, 100_000).prefault(1_024).describe('Most nodes in the cluster.'),
  operationsPerNode: wholeNumber(1, 100)
    .prefault(4)
    .describe('Most pulls, deletes and other operations at once on one node.'),
  recentRequests: wholeNumber(0, 100_000)
    .prefault(1_000)
    .describe('Finished requests kept in memory for /api/requests.'),
  keptResponses: wholeNumber(0, 1_000_000)
    .prefault(1_000)
    .describe('Most answers of /v1/responses kept in memory for previous_response_id.'),
  keptResponseBytes: size('0', '1TiB').prefault('64MiB').describe('Most bytes of them, with their input.'),
  firstEventMax: duration('100ms', '24h').prefault('10m').describe('Longest wait for the first event of an answer.'),
  stallMax: duration('100ms', '24h').prefault('5m').describe('Longest pause between two events of an answer.'),
  modelLoadMax: duration('1s', '24h').prefault('10m').describe('Longest time the loading of a model may take.'),
});

const cacheSchema = z.strictObject({
  maxBytes: size('0', '1TiB').prefault('256MiB').describe('Most bytes of kept answers; 0 keeps none.'),
  ttl: duration('1s', '365d').prefault('1h').describe('How long an answer is kept.'),
  seeded: yesNo()
    .prefault(false)
    .describe('Also keeps answers to requests with a seed, not only those with temperature 0.'),
});

/** Ollama tells nobody what it was started with. */
const ofOllama = () => wholeNumber(0, 100_000_000).prefault(0);

const localSchema = z.strictObject({
  enabled: yesNo().prefault(true).describe("Uses this machine's own engines as a node."),
  slots: wholeNumber(1, 100_000)
    .optional()
    .describe('Most jobs at once on this machine; absent: what its engines can do.'),
  engineUrl: text({ expected: 'an http address such as http://127.0.0.1:8000/v1' })
    .optional()
    .describe(
      'The one engine to use here, instead of looking for some; ending in /v1: OpenAI-compatible, else Ollama.',
    ),
  ollamaHost: text({ expected: 'an address such as 127.0.0.1:11434' })
    .prefault('127.0.0.1:11434')
    .describe('Where Ollama is looked for on this machine.'),
  ollamaNumParallel: ofOllama().describe('OLLAMA_NUM_PARALLEL of that Ollama: requests of one model at once.'),
  ollamaMaxLoadedModels: ofOllama().describe('OLLAMA_MAX_LOADED_MODELS of that Ollama: models it holds at once.'),
  ollamaContextLength: ofOllama().describe('OLLAMA_CONTEXT_LENGTH of that Ollama: tokens a model is loaded with.'),
  builtin: yesNo()
    .prefault(true)
    .describe('Also runs models by itself, where engines are looked for: no engine has to be installed.'),
  hub: text({ expected: 'an http address such as https://huggingface.co' }, /^https?:\/\/[^\s?#@]+$/)
    .prefault('https://huggingface.co')
    .describe('Where the built-in engine pulls models from: Hugging Face or a mirror of it.'),
  hubToken: text({ expected: 'a token of the hub', secret: true })
    .optional()
    .describe('Shown to the hub alone, for repositories that need an account.'),
});

const mongodbSchema = z.strictObject({
  uri: text(
    { expected: 'an address that begins with mongodb:// or mongodb+srv://', secret: true },
    /^mongodb(?:\+srv)?:\/\/\S+$/,
  )
    .optional()
    .describe('MongoDB to record in.'),
  database: text({ expected: 'the name of a database' }, /^[^\s/\\."$*<>:|?]{1,63}$/)
    .optional()
    .describe('Name of the database; absent: the one in the address.'),
});

const loggingSchema = z.strictObject({
  level: choice(LOG_LEVELS).prefault('info').describe('How much is logged.'),
  file: text({ expected: 'the path of a file' }).optional().describe('Also logs into this file.'),
  maxFileBytes: size('64KiB', '1TiB')
    .prefault('64MiB')
    .describe('Size at which the log file is changed for a new one.'),
  maxFiles: wholeNumber(1, 1_000).prefault(5).describe('Log files kept; the oldest is deleted.'),
  maxLinesPerSecond: wholeNumber(1, 1_000_000)
    .prefault(500)
    .describe('Most log lines a second; beyond it the lowest levels are dropped first, and counted.'),
});

const label = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .pipe(text({ expected: 'a short text' }));

// One strict object for both forms, so that a mistyped key is named instead of "matches neither form".
const nodeSchema = z.strictObject({
  name: text({ expected: 'a name of letters, digits, dot, dash and underscore' }, /^[\w][\w.-]{0,63}$/)
    .optional()
    .describe('Name of the node; absent: made of its address.'),
  host: host().optional().describe('Machine on which an agent waits to be invited.'),
  port: wholeNumber(1, 65_535).optional().describe('HTTP port of that agent; absent: 3000.'),
  engine: choice(['ollama', 'openai-compatible'])
    .optional()
    .describe('Kind of an engine that is used without an agent.'),
  url: text({ expected: 'an http address such as http://192.168.1.20:11434' })
    .optional()
    .describe('Address of that engine.'),
  apiKeyEnv: text({ expected: 'the name of an environment variable' }, /^[A-Za-z_][A-Za-z0-9_]{0,199}$/)
    .optional()
    .describe('Environment variable that holds the API key of that engine.'),
  slots: wholeNumber(1, 100_000)
    .optional()
    .describe('Most jobs at once on that engine; absent: what the engine tells.'),
  type: label.meta({ expected: 'a short text' }).optional().describe('Label, such as gpu or cpu.'),
  platform: label.meta({ expected: 'a short text' }).optional().describe('Label, such as linux.'),
  capabilities: z
    .union([z.array(z.union([z.string(), z.number(), z.boolean()]).transform(String)), z.string()])
    .pipe(textList({ expected: 'a list of short texts' }))
    .meta({ expected: 'a list of short texts' })
    .prefault([])
    .describe('Labels, such as cuda and avx512.'),
});

const MODEL_NAME = /^[^\s\p{Cc}]{1,300}$/u;
const modelName = z.string().trim().regex(MODEL_NAME);
const modelNames = z
  .union([modelName.transform((name) => [name]), z.array(modelName).min(1).max(100)])
  .meta({ expected: 'a model name or a list of model names' });

const modelSchema = z.strictObject({
  use: modelNames.optional().describe('Makes it an alias: the models it stands for.'),
  keepAlive: keepTime().optional().describe('How long the model stays loaded after its last use, at least.'),
  preload: nodeCount(1_000)
    .optional()
    .describe('Loads the model before anybody asks for it, on the node that fits best or on so many nodes.'),
  nodes: textList({ expected: 'a list of names of nodes' })
    .optional()
    .describe('Only these nodes serve the model; absent: every node that has it.'),
  timeout: duration('100ms', '24h').optional().describe('Deadline of requests that state none of their own.'),
  numCtx: wholeNumber(1, 100_000_000)
    .optional()
    .describe('Context in tokens the model is loaded with, unless a client asks for more.'),
});

/** The whole configuration as a person writes it; parsing it fills in the defaults. */
export const configSchema = z.strictObject({
  server: serverSchema.prefault({}),
  cluster: clusterSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  cache: cacheSchema.prefault({}),
  local: localSchema.prefault({}),
  models: z
    .record(
      z.string(),
      z
        .union([modelNames, modelSchema])
        .meta({ expected: 'a model name, a list of model names, or a mapping of settings' }),
    )
    .refine((models) => Object.keys(models).length <= 1_000)
    .meta({ expected: 'a mapping from names to model names or settings, 1,000 at most' })
    .prefault({})
    .describe(
      'Aliases: the first model that can be served now, the next one if it fails before its first event. And settings of models.',
    ),
  nodes: z
    .array(nodeSchema)
    .max(10_000)
    .meta({ expected: 'a list of nodes, 10,000 at most' })
    .prefault([])
    .describe('Agents to invite and engines without an agent.'),
  mongodb: mongodbSchema.prefault({}),
  logging: loggingSchema.prefault({}),
  data: text({ expected: 'the path of a folder' }).optional().describe('Folder for everything that is kept.'),
});

/** What `configSchema` makes of an input: every default filled in, durations in ms, sizes in bytes. */
export type ParsedConfig = z.output<typeof configSchema>;
