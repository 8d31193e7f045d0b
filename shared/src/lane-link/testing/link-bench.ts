import type { Refusal } from '../lane-link.ts';
import { RecordingEvents } from './recording-events.ts';
import { ScriptedHost } from './scripted-host.ts';
import { until } from './waiting.ts';

/** A node tied to an orchestrator by the link under test. */
export interface LinkUnderTest {
  /** As the node was told; waits for it. */
  refusal(): Promise<Refusal>;
  /** The node leaves in order. */
  drain(): Promise<void>;
  /** The node is gone without a word. */
  crash(): void;
  /** Ends whatever is still there. */
  dispose(): Promise<void>;
}

export type MakeLink = (host: ScriptedHost, events: RecordingEvents) => Promise<LinkUnderTest>;

/** A link between a host and an orchestrator that the test plays both of. */
export class LinkBench {
  readonly events = new RecordingEvents();
  readonly #makeLink: MakeLink;
  #link: LinkUnderTest | undefined;

  constructor(makeLink: MakeLink) {
    this.#makeLink = makeLink;
  }

  get link(): LinkUnderTest {
    if (this.#link === undefined) throw new Error('no node was tied yet');
    return this.#link;
  }

  /** Ties a node with these slots; resolves when a lane is open for each, up to 8 per engine. */
  async join(slots: Readonly<Record<string, number>> = { e1: 2 }): Promise<ScriptedHost> {
    const host = new ScriptedHost(slots);
    await this.tie(host);
    const lanes = Object.values(slots).reduce((sum, count) => sum + Math.min(count, 8), 0);
    await until(() => this.events.lanes.size >= lanes);
    return host;
  }

  async tie(host: ScriptedHost): Promise<void> {
    this.#link = await this.#makeLink(host, this.events);
  }

  async dispose(): Promise<void> {
    await this.#link?.dispose();
  }
}
