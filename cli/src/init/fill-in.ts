/**
 * The example of a configuration with some of its keys switched on: `server.port` is the line `port:` of the section `server:`.
 * All else stays as it is, explanations too.
 *
 * @throws when the example does not have a key
 */
export function fillIn(example: string, values: Readonly<Record<string, string | number | boolean>>): string {
  const wanted = new Map(Object.entries(values));
  let section = '';
  const lines = example.split('\n').map((line) => {
    section = /^(\w+):/.exec(line)?.[1] ?? section;
    const [, indent = '', name = '', comment = ''] = /^( +)#+ (\w+): \S+ *(.*)$/.exec(line) ?? [];
    const key = `${section}.${name}`;
    const value = wanted.get(key);
    if (value === undefined) return line;
    wanted.delete(key);
    const written = `${indent}${name}: ${value}`;
    return comment === '' ? written : `${written.padEnd(line.indexOf(comment) - 2)}  ${comment}`;
  });
  if (wanted.size > 0) throw new Error(`config.yaml.example has no ${[...wanted.keys()].join(', ')}`);
  return lines.join('\n');
}
