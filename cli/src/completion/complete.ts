import { type Command, Help, type Option } from 'commander';

/** One word that may stand where the cursor is. */
export interface Completion {
  readonly word: string;
  readonly description: string;
}

/** What only a running cluster, or another program, knows. */
export interface Sources {
  /** `options` are those that were typed before: which cluster is meant. */
  models(options: Readonly<Record<string, string>>): Promise<readonly Completion[]>;
  /** The flags that a command hands on to the program it starts. */
  flags(command: string): Promise<readonly Completion[]>;
}

/** What can stand in the place of the last of `words`, which follow the program's name; the last one may be empty. */
export async function complete(
  program: Command,
  words: readonly string[],
  sources: Sources,
): Promise<readonly Completion[]> {
  const last = words.at(-1) ?? '';
  const place = walk(program, words.slice(0, -1));
  return (await candidates(place, last, sources)).filter(({ word }) => word.startsWith(last));
}

interface Place {
  readonly command: Command;
  /** Given before, by the name of their attribute. */
  readonly options: Readonly<Record<string, string>>;
  /** The option whose value comes next. */
  readonly awaits: Option | undefined;
  /** How many arguments of the command came before. */
  readonly given: number;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let awaits: Option | undefined;
  let given = 0;
  const options: Record<string, string> = {};
  for (const word of words) {
    if (awaits !== undefined) {
      options[awaits.attributeName()] = word;
      awaits = undefined;
    } else if (word.startsWith('-')) {
      const [flag = '', value] = word.split(/=(.*)/s);
      const option = command.options.find(({ long, short }) => long === flag || short === flag);
      if (option === undefined || option.isBoolean()) continue;
      if (value === undefined) awaits = option;
      else options[option.attributeName()] = value;
    } else {
      const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (next === undefined) given++;
      else command = next;
    }
  }
  return { command, options, awaits, given };
}

async function candidates(place: Place, last: string, sources: Sources): Promise<readonly Completion[]> {
  const { command, awaits, options } = place;
  if (awaits !== undefined)
    return awaits.attributeName() === 'model' ? sources.models(options) : fixed(awaits.argChoices);
  const help = new Help();
  if (last.startsWith('-')) {
    const own = help.visibleOptions(command).flatMap(({ long, description }) => toCompletion(long, description));
    return [...own, ...(await sources.flags(command.name()))];
  }
  if (command.commands.length > 0)
    return help
      .visibleCommands(command)
      .flatMap((each) => [each.name(), ...each.aliases()].flatMap((name) => toCompletion(name, each.description())));
  const { registeredArguments } = command;
  const argument = registeredArguments[place.given] ?? registeredArguments.findLast(({ variadic }) => variadic);
  return argument?.name() === 'model' ? sources.models(options) : fixed(argument?.argChoices);
}

function fixed(choices: readonly string[] | undefined): readonly Completion[] {
  return (choices ?? []).map((word) => ({ word, description: '' }));
}

function toCompletion(word: string | undefined, description: string): Completion[] {
  return word === undefined ? [] : [{ word, description }];
}
