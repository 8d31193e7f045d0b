/** What pulls need to know from the configuration. */
export interface PullSettings {
  readonly hub: HubSettings;
  /** Over the defaults. */
  readonly limits?: Partial<PullLimits>;
  /** Bytes that may still be written to a folder's disk; asks the system by default. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export interface HubSettings {
  /** Address of Hugging Face or of a mirror, without a slash at its end (`HF_ENDPOINT`). */
  readonly endpoint: string;
  /** Sent to that address alone (`HF_TOKEN`). */
  readonly token?: string | undefined;
}

export const publicHub = 'https://huggingface.co';

export interface PullLimits {
  /** Ranges of one file that are fetched at once. */
  readonly parallelRanges: number;
  readonly rangeBytes: number;
  /** Longest wait for the next byte. */
  readonly stallMs: number;
  /** Tries in a row that brought nothing. */
  readonly attempts: number;
  /** Wait before the second try; it doubles up to the longest. A source's own wish is honoured up to the longest. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  readonly redirects: number;
  /** Larger files are refused. */
  readonly fileMaxBytes: number;
  /** Left free on the disk. */
  readonly reserveBytes: number;
  /** How often what has come is written down, so that it need not come again. */
  readonly saveMs: number;
  /** Least time between two progress lines of one file. */
  readonly progressMs: number;
}

export const defaultPullLimits: PullLimits = {
  parallelRanges: 4,
  rangeBytes: 64 * 1024 * 1024,
  stallMs: 30_000,
  attempts: 6,
  retryMs: 1_000,
  retryMaxMs: 30_000,
  redirects: 5,
  fileMaxBytes: 2 ** 40,
  reserveBytes: 64 * 1024 * 1024,
  saveMs: 3_000,
  progressMs: 100,
};
