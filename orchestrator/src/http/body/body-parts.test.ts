import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodyParts } from './body-parts.ts';

it('gives back what came, announced or not, and of a body that ends too soon what there is of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1 })),
      fc.nat(100),
      fc.boolean(),
      (chunks, missing, isAnnounced) => {
        const sent = Buffer.concat(chunks);
        const parts = new BodyParts(isAnnounced ? sent.length + missing : 0);
        for (const chunk of chunks) parts.add(Buffer.from(chunk));
        expect(parts.join()).toEqual(sent);
      },
    ),
  );
});

it('takes no room for what was only announced', () => {
  const before = process.memoryUsage().arrayBuffers;
  const parts = Array.from({ length: 10 }, () => new BodyParts(100_000_000));
  for (const each of parts) each.add(Buffer.from('x'));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  expect(parts[0]?.join().toString()).toBe('x');
});
