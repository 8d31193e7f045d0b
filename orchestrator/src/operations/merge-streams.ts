/**
 * Items of several streams in the order they come. Each stream is one item ahead at most; ending early ends them all.
 * The first to throw makes the merged stream throw.
 */
export async function* mergeStreams<Item>(streams: readonly AsyncIterable<Item>[]): AsyncGenerator<Item> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const advance = async (iterator: AsyncIterator<Item>): Promise<Step<Item>> => ({
    iterator,
    result: await iterator.next(),
  });
  const pending = new Map<AsyncIterator<Item>, Promise<Step<Item>>>();
  for (const iterator of iterators) pending.set(iterator, advance(iterator));
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values());
      if (result.done === true) {
        pending.delete(iterator);
      } else {
        pending.set(iterator, advance(iterator));
        yield result.value;
      }
    }
  } finally {
    await Promise.allSettled(iterators.map(async (iterator) => iterator.return?.()));
  }
}

interface Step<Item> {
  readonly iterator: AsyncIterator<Item>;
  readonly result: IteratorResult<Item>;
}
