/** How the same answer may come: with a name, for tables of tests. */
export const cuts: readonly (readonly [name: string, cut: (text: string) => readonly string[]])[] = [
  ['at once', (text) => [text]],
  ['by the character', (text) => text.split('')],
  ['by the word', (text) => text.split(/(?<=\W)/)],
];
