import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { ApiError } from './api-client.ts';
import { addChat } from './commands/chat.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addDoctor } from './commands/doctor.ts';
import { addInit } from './commands/init.ts';
import { addModels } from './commands/models.ts';
import { addPrograms } from './commands/programs.ts';
import { addPull } from './commands/pull.ts';
import { addRequests } from './commands/requests.ts';
import { addResidency } from './commands/residency.ts';
import { addRun } from './commands/run.ts';
import { addStatus } from './commands/status.ts';
import { createOutput } from './output.ts';

// Known before anything is read: what cannot be read is said as JSON, too.
const output = createOutput(process.argv.includes('--json'));

const program = new Command('waggle')
  .description('one address in front of every LLM on your machines')
  .version(packageJson.version)
  .option('--url <url>', 'orchestrator to talk to (WAGGLE_URL, else http://127.0.0.1:3001)')
  .option('--token <token>', 'admin token, where the orchestrator is on another machine (WAGGLE_ADMIN_TOKEN)')
  .option('--json', 'print JSON')
  .enablePositionalOptions()
  .passThroughOptions(false)
  .configureOutput({ outputError: (text) => output.fail(toSentence(text)) })
  .addHelpText(
    'after',
    `
In a clone waggle is: npm run waggle --

Examples:
  waggle up                                    run the orchestrator here
  waggle join server:50051 --token TOKEN       make this machine a node of it
  waggle run qwen3:4b                          talk to a model, which is fetched where it is missing
  waggle chat qwen3:4b "Why is the sky blue?"  ask one that is there
  waggle status --url server:3001              look at a cluster from elsewhere
  waggle doctor                                find out what is wrong
`,
  );

/** They talk to an orchestrator. */
const remote = [addStatus, addModels, addPull, addRun, addChat, addResidency, addRequests, addDoctor];
/** They do not. */
const local = [addConfig, addInit, addCompletion];

addPrograms(program);
const before = program.commands.length;
for (const add of remote) add(program);
for (const command of program.commands.slice(before))
  command
    .option('--json', 'print JSON')
    .option('--url <url>', 'orchestrator to talk to')
    .option('--token <token>', 'admin token');
for (const add of local) add(program);

// Whoever reads has seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (thrown) {
  if (!(thrown instanceof ApiError || thrown instanceof UsageError)) throw thrown;
  output.fail(thrown.message);
  process.exitCode = 1;
}

/** `error: unknown option '--fly'` and a line with what was perhaps meant → one sentence that says where to look. */
function toSentence(text: string): string {
  const said = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  return `${said}; --help shows what there is`;
}
