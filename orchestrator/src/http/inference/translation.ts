import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { AnswerEncoder } from '@waggle/shared/dialects/dialect.ts';
import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import type { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { TranslatedApi } from '../../inference/request-record.ts';
import type { ErrorForm } from '../errors/error-form.ts';

/**
 * An API that clients speak and no engine is asked in. Its requests run as chats of OpenAI's, so that everything between the edges treats
 * them as it treats those, and their answers come as events, whichever family the engine is of.
 */
export interface Translation {
  readonly api: TranslatedApi;
  readonly errorForm: ErrorForm;
  /** `body` is the parsed JSON. Throws what is wrong with it. */
  read(body: unknown, requestId: string): TranslatedCall;
}

export interface TranslatedCall {
  /** The body of the chat. */
  readonly chat: JsonObject;
  /** Capabilities that the chat's body does not show it needs. */
  readonly alsoNeeds: readonly Capability[];
  /** `facts` are those of the chat. */
  createEncoder(facts: RequestFacts): AnswerEncoder;
  /** An error inside a stream that has begun. */
  renderStreamError(error: ClusterError): Uint8Array;
}
