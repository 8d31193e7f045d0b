/**
 * An iterator as a stream that is read on demand, one item ahead. Cancelling the stream ends the iterator; an iterator that throws
 * makes the stream fail, so that its reader sees a cut and not an end.
 */
export function readableFrom<Item>(
  first: IteratorResult<Item>,
  items: AsyncIterator<Item>,
  encode: (item: Item) => Uint8Array,
): ReadableStream<Uint8Array> {
  let next: IteratorResult<Item> | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const result = next ?? (await items.next());
        next = undefined;
        if (result.done === true) controller.close();
        else controller.enqueue(encode(result.value));
      },
      async cancel() {
        await items.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
