import { type Aspect, aspects } from './client-api.ts';
import type { Outcome } from './look-at.ts';

/** What is to be in a cell; `lacking`: the API has no words for it. */
export type Cell = Outcome | 'lacking';

export interface Row {
  readonly path: string;
  readonly engine: string;
  readonly cells: Readonly<Record<Aspect, Cell>>;
}

const marks = ['<!-- matrix -->', '<!-- end of matrix -->'] as const;

/** The page with these rows between its marks, and what it says of rows that are not among them. */
export function withTable(page: string, rows: readonly Row[]): string {
  const [start, end] = marks.map((mark) => page.indexOf(mark)) as [number, number];
  if (start === -1 || end === -1) throw new Error(`no ${marks.join(' … ')} in it`);
  return `${page.slice(0, start)}${marks[0]}\n\n${toTable(rows)}\n${page.slice(end)}`;
}

/** The cell of the table in a page; undefined: there is none. */
export function cellIn(
  page: string,
  { path, engine }: Pick<Row, 'path' | 'engine'>,
  aspect: Aspect,
): string | undefined {
  const line = page.split('\n').find((each) => each.startsWith(`| \`${path}\` `) && each.includes(`| ${engine} `));
  return line?.split('|')[aspects.indexOf(aspect) + 3]?.trim();
}

function toTable(rows: readonly Row[]): string {
  const notes: string[] = [];
  const lines = [
    ['client API', 'engine', ...aspects],
    ...rows.map(({ path, engine, cells }) => [
      `\`${path}\``,
      engine,
      ...aspects.map((aspect) => toCell(cells[aspect], notes)),
    ]),
  ];
  const width = Array.from({ length: aspects.length + 2 }, (_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const write = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(width[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = lines;
  const rule = width.map((count) => '-'.repeat(count));
  const footnotes = notes.map((note, index) => `- ${index + 1}: ${note}`);
  return [
    ...[head, rule, ...body].map(write),
    '',
    '–: that API has no words for it. 400, in these words:',
    '',
    ...footnotes,
    '',
  ].join('\n');
}

function toCell(cell: Cell, notes: string[]): string {
  if (cell === 'yes') return 'yes';
  if (cell === 'lacking') return '–';
  const known = notes.indexOf(cell.refused);
  const number = known === -1 ? notes.push(cell.refused) : known + 1;
  return `400 (${number})`;
}
