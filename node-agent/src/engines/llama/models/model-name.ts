/** A name with its tag (`latest` where it has none), without blanks and without the scheme of a repository's address. */
export function canonicalName(name: string): string {
  const bare = name
    .trim()
    .replace(/^https?:\/\/(?=(?:hf\.co|huggingface\.co)\/)/i, '')
    .replace(/^huggingface\.co\//i, 'hf.co/');
  return bare.includes(':', bare.lastIndexOf('/') + 1) ? bare : `${bare}:latest`;
}

/** What the spellings of one name share. */
export function nameKey(name: string): string {
  return canonicalName(name).toLowerCase();
}

/** A name for a file that was put into the folder by hand: that of the file, without what names may not have. */
export function nameOfFile(fileName: string): string {
  const stem = fileName.replace(/\.gguf$/i, '').replace(splitSuffix, '');
  const allowed = stem.replaceAll(/[^\w.-]+/g, '-').replace(/^[^\w]+/, '');
  return `${allowed.slice(0, 80) || 'model'}:latest`;
}

const splitSuffix = /-(\d{5})-of-(\d{5})$/;

/** Of a file that is part of a split model: which of how many, and the name of each part. */
export function splitOf(
  fileName: string,
): { number: number; count: number; nameOf: (number: number) => string } | undefined {
  const match = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i.exec(fileName);
  if (match === null) return undefined;
  const [, stem = '', number = '', count = '', ending = ''] = match;
  if (Number(number) < 1 || Number(number) > Number(count)) return undefined;
  return {
    number: Number(number),
    count: Number(count),
    nameOf: (part) => `${stem}-${String(part).padStart(5, '0')}-of-${count}${ending}`,
  };
}
