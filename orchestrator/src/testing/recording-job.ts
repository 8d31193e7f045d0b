import type { Priority, StartOptions } from '@waggle/shared/cluster/job.ts';
import type { Capability } from '@waggle/shared/cluster/model.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { HeldJob, Placed } from '../scheduling/held-job.ts';
import type { Placement } from '../scheduling/placement.ts';
import type { ServedPlacement } from '../scheduling/served-placement.ts';

type Facts = Partial<Pick<RecordingJob, 'line' | 'targets' | 'model' | 'heldSince' | 'priority' | 'isEmbedding'>> &
  Partial<
    Pick<RecordingJob, 'bodyBytes' | 'promptTokens' | 'maxTokens' | 'numCtx' | 'startOptions' | 'keepAliveSeconds'>
  > &
  Partial<Pick<RecordingJob, 'needs' | 'stream' | 'onlyNode' | 'deadlineAt' | 'group' | 'untranslatable'>>;

/** A held job that only notes what became of it. */
export class RecordingJob implements HeldJob {
  readonly jobId: string;
  line = 'llama3.2:latest';
  targets: readonly string[] = ['llama3.2:latest'];
  model = 'llama3.2';
  heldSince = 0;
  priority: Priority = 'normal';
  isEmbedding = false;
  bodyBytes = 100;
  group: symbol | undefined;
  promptTokens = 20;
  maxTokens: number | undefined;
  numCtx: number | undefined;
  startOptions: StartOptions | undefined;
  keepAliveSeconds: number | undefined;
  needs: readonly Capability[] = [];
  stream = true;
  onlyNode: string | undefined;
  readonly tried = new Map<Placement, number>();
  leaveBy: number | undefined;
  deadlineAt: number | undefined;
  pausedSince: number | undefined;
  lastError: ClusterError | undefined;
  readonly places: Placed[] = [];
  readonly refusals: ClusterError[] = [];
  /** Called with each place, before `placed` returns. */
  onPlaced: (placed: Placed) => void = () => {};

  constructor(jobId: string, facts: Facts = {}) {
    this.jobId = jobId;
    Object.assign(this, facts);
  }

  exclude(place: Placement, until: number, error: ClusterError): void {
    this.tried.set(place, until);
    this.line += `!${place.node}`;
    this.lastError = error;
  }

  lacks(place: ServedPlacement, need: Capability): ClusterError {
    return new ClusterError('unsupported', `${place.node} cannot do ${need}`);
  }

  /** Why it cannot be translated for a node. */
  readonly untranslatable = new Map<string, ClusterError>();

  refusedBy({ node }: ServedPlacement): ClusterError | undefined {
    return this.untranslatable.get(node);
  }

  placed(placed: Placed): void {
    this.places.push(placed);
    this.onPlaced(placed);
  }

  refused(error: ClusterError): void {
    this.refusals.push(error);
  }

  /** Name of the node it was placed on last. */
  get node(): string | undefined {
    return this.places.at(-1)?.placement.node;
  }

  /** Its last place; throws where it has none. */
  get place(): Placed {
    const place = this.places.at(-1);
    if (place === undefined) throw new Error(`${this.jobId} was not placed`);
    return place;
  }
}
