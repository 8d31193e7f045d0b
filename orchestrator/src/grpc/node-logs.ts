import type { Clock } from '@waggle/shared/observing/clock.ts';
import { LineBudget } from '@waggle/shared/observing/line-budget.ts';
import type { LogBatch, LogEntry } from '@waggle/shared/observing/log-entry.ts';
import type { LogFacts, Logger } from '@waggle/shared/observing/logger.ts';
import { TokenBucket } from '@waggle/shared/observing/token-bucket.ts';

interface NodeLogsDeps {
  /** What the operator calls a node, whatever it calls itself. */
  readonly nameOf?: ((nodeId: string) => string | undefined) | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Whose lines they are. */
export interface LogWriter {
  readonly nodeId: string;
  readonly name: string;
}

/** What one node may make the orchestrator write: more than an agent ever sends, so that this only meets a broken one. */
const linesPerSecond = 100;
const bytesPerSecond = 64 * 1024;
/** A backlog after a time without an orchestrator. */
const burstBytes = 512 * 1024;
/** What all nodes together may; the orchestrator's own lines need room, too. */
const linesPerSecondInAll = 200;
/** A node has one line about what was dropped no more often. */
const droppedPauseMs = 10_000;
/** Nodes that are remembered; the one heard of first is forgotten first. */
const maxNodes = 4_096;
/** Names of events are bounded in length and letters: they are what people search for. */
const eventPattern = /^[a-z0-9][a-z0-9-]{0,63}$/;
const factsMaxLength = 16 * 1024;

interface NodeShare {
  name: string;
  readonly lines: LineBudget;
  readonly bytes: TokenBucket;
  /** Dropped by the node itself. */
  droppedThere: number;
}

/**
 * Writes the lines that nodes send into the orchestrator's log, with the node's name and the node's time. A node is not
 * trusted to be quiet or to send what it should: it has a share of lines and bytes a second, over all its connections, and
 * one line tells how many it lost.
 */
export class NodeLogs {
  readonly #deps: NodeLogsDeps;
  readonly #shares = new Map<string, NodeShare>();
  readonly #all: LineBudget;
  #isToldLater = false;

  constructor(deps: NodeLogsDeps) {
    this.#deps = deps;
    this.#all = new LineBudget(linesPerSecondInAll, deps.clock.now());
  }

  write({ nodeId, name: ownName }: LogWriter, { entries, dropped }: LogBatch): void {
    const now = this.#deps.clock.now();
    const name = this.#deps.nameOf?.(nodeId) ?? ownName;
    const share = this.#share({ nodeId, name }, now);
    share.name = name;
    let isComplete = dropped === 0;
    share.droppedThere += dropped;
    for (const entry of entries) {
      if (!takes(share, entry, now)) {
        isComplete = false;
      } else if (!this.#all.take(entry.level, now)) {
        share.lines.drop(entry.level);
        isComplete = false;
      } else {
        this.#write(name, entry);
      }
    }
    if (!isComplete) this.#tellLater();
  }

  #write(name: string, { timeMs, level, event, factsJson }: LogEntry): void {
    const isName = eventPattern.test(event);
    const nodeTime = new Date(timeMs);
    const facts = {
      node: name,
      ...(Number.isNaN(nodeTime.getTime()) ? {} : { nodeTime: nodeTime.toISOString() }),
      ...(isName ? {} : { nodeEvent: event }),
    };
    // The node's own facts never stand for these.
    this.#deps.logger[level](isName ? event : 'node-line', { ...facts, ...readFacts(factsJson), ...facts });
  }

  #share({ nodeId, name }: LogWriter, now: number): NodeShare {
    const known = this.#shares.get(nodeId);
    if (known !== undefined) return known;
    const [oldest] = this.#shares.keys();
    if (this.#shares.size >= maxNodes && oldest !== undefined) this.#shares.delete(oldest);
    const share = {
      name,
      lines: new LineBudget(linesPerSecond, now),
      bytes: new TokenBucket({ perSecond: bytesPerSecond, burst: burstBytes }, now),
      droppedThere: 0,
    };
    this.#shares.set(nodeId, share);
    return share;
  }

  #tellLater(): void {
    if (this.#isToldLater) return;
    this.#isToldLater = true;
    this.#deps.clock.schedule(droppedPauseMs, () => {
      this.#isToldLater = false;
      for (const share of this.#shares.values()) this.#tell(share);
    });
  }

  #tell(share: NodeShare): void {
    const here = share.lines.takeDropped();
    const there = share.droppedThere;
    if (here === undefined && there === 0) return;
    share.droppedThere = 0;
    this.#deps.logger.warn('node-log-lines-dropped', {
      node: share.name,
      ...(here === undefined ? {} : { droppedHere: here }),
      ...(there === 0 ? {} : { droppedByNode: there }),
    });
  }
}

/** What it cannot have is counted. Facts are not looked at before. */
function takes({ lines, bytes }: NodeShare, { level, event, factsJson }: LogEntry, now: number): boolean {
  if (bytes.take(Buffer.byteLength(event) + Buffer.byteLength(factsJson), now)) return lines.take(level, now);
  lines.drop(level);
  return false;
}

function readFacts(json: string): LogFacts {
  if (json === '') return {};
  if (json.length > factsMaxLength) return unread;
  try {
    const facts: unknown = JSON.parse(json);
    const isObject = typeof facts === 'object' && facts !== null && !Array.isArray(facts);
    return isObject ? (facts as LogFacts) : unread;
  } catch {
    return unread;
  }
}

const unread: LogFacts = { nodeFacts: 'unreadable' };
