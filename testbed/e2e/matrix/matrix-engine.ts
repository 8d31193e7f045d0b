import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';
import type { Aspect, MatrixTool } from './client-api.ts';

/** An engine in a cluster, with what its models say. */
export interface MatrixEngine {
  /** As the table calls it. */
  readonly name: string;
  /** The node it belongs to. */
  readonly node: string;
  /** What can be looked at in front of it. */
  readonly shows: ReadonlySet<Aspect>;
  /** Names of models by what they do; those of aspects that it does not show need not be there. */
  readonly models: {
    readonly words: string;
    readonly thinker: string;
    readonly caller: string;
    readonly seer: string;
    readonly endless: string;
  };
  readonly words: SpokenText;
  readonly thought: string;
  readonly concluded: string;
  readonly tool: MatrixTool;
  /** What it calls the tool with. */
  readonly given: JsonObject;
  /** What it says when the tool has answered. */
  readonly report: string;
  /** Throws unless the engine was given this image last. */
  readonly checkImage: (base64: string) => void;
  /** Makes the engine refuse the next request with these words, or fail after some of its answer. */
  readonly fail?: (how: 'refuse' | 'break', words: string) => void;
  /** Resolves when the engine itself saw that its client left. */
  readonly left?: () => Promise<void>;
}

/** A text whose first tokens are known. */
export interface SpokenText {
  readonly all: string;
  readonly firstThree: string;
  /** A text in it, and all before that. */
  readonly stop: string;
  readonly beforeStop: string;
}
