import type { DeclineReason, JobEnd, JobHeader } from '../cluster/job.ts';

/** Most bytes of a body in one frame. */
export const maxBodyPartBytes = 256 * 1024;

/** Most bytes of an answer in one frame: less, because a paused lane holds up to 16 unread frames. */
export const maxAnswerPartBytes = 64 * 1024;

/** A frame of the orchestrator's. Frames about another job than the lane's present one are dropped. */
export interface LaneDownFrame {
  /** Counts the jobs of the lane from 1; 0: about the lane. */
  readonly job: number;
  readonly hello: boolean;
  /** Begins the job. */
  readonly bind: BindHead | undefined;
  /** A part of the body, the first of which comes with `bind`; may be empty. */
  readonly body: Uint8Array;
  readonly cancel: boolean;
}

export interface BindHead {
  /** Without the engine, which is the lane's. An endpoint this version does not know is undefined. */
  readonly header: Omit<JobHeader, 'engineId' | 'endpoint'> & { readonly endpoint: JobHeader['endpoint'] | undefined };
  /** Length of the whole body. */
  readonly bodyBytes: number;
}

/** A frame of the node's: any of its parts may come together. */
export interface LaneUpFrame {
  readonly job: number;
  readonly accepted: boolean;
  readonly declined: DeclineReason | undefined;
  readonly kinds: number;
  readonly deltas: number;
  /** A part of a batch in the engine's own bytes. */
  readonly native: Uint8Array | undefined;
  /** Encoded events, or a part of them when `continued`. */
  readonly events: Uint8Array | undefined;
  readonly continued: boolean;
  readonly ended: JobEnd | undefined;
  readonly retire: boolean;
}

/** Parts of one encoded event that are joined at most. */
export const joinedEventsMaxBytes = 64 * 1024 * 1024;
