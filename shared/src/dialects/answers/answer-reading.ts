import type { JobStats } from '../dialect.ts';

/** What a family knows about the JSON texts of one endpoint's answers. One per answer; it remembers the totals. */
export interface AnswerReading {
  /**
   * Bits of `batchKind` of one JSON text of a stream; takes note of totals on the way. Throws what the engine reports as an
   * error, as a ClusterError.
   */
  read(value: unknown): number;
  /** True: the text is nothing but the totals that an OpenAI client gets only if it asked. */
  isUsageOnly(value: unknown): boolean;
  /** The answer was complete even if the mark of the stream's end did not come. */
  readonly isComplete: boolean;
  /** Frame to be sent in place of a missing mark of the end. */
  readonly endFrame: Buffer | undefined;
  readonly stats: JobStats;
}
