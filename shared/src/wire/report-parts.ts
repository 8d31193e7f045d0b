import type { NodeReport } from '../cluster/node.ts';
import { type ControlUp, maxReportBytes } from './control-frames.ts';
import { decodeReport, encodeReport } from './convert-report.ts';

/** Parts of a report that are joined at most. */
const joinedMaxBytes = 64 * 1024 * 1024;

/** A report as it travels on the control stream: whole, or in parts when it is large. */
export function toReportFrames(report: NodeReport): readonly ControlUp[] {
  const bytes = encodeReport(report);
  if (bytes.byteLength <= maxReportBytes) return [{ type: 'report', report }];
  const frames: ControlUp[] = [];
  for (let start = 0; start < bytes.byteLength; start += maxReportBytes) {
    const end = Math.min(start + maxReportBytes, bytes.byteLength);
    frames.push({ type: 'report-part', bytes: bytes.subarray(start, end), last: end === bytes.byteLength });
  }
  return frames;
}

/** Whether it may go along with the registration, whole. */
export function isSmallReport(report: NodeReport): boolean {
  return encodeReport(report).byteLength <= maxReportBytes;
}

/** Puts the parts of large reports together. */
export class ReportJoiner {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** The report when this was its last part. A report that is too large or cannot be read is left out; the next repairs it. */
  add(part: Uint8Array, last: boolean): NodeReport | undefined {
    this.#bytes += part.byteLength;
    if (this.#bytes <= joinedMaxBytes) this.#parts.push(part);
    if (!last) return undefined;
    const parts = this.#parts;
    const isWhole = this.#bytes <= joinedMaxBytes;
    this.#parts = [];
    this.#bytes = 0;
    if (!isWhole) return undefined;
    try {
      return decodeReport(Buffer.concat(parts));
    } catch {
      return undefined;
    }
  }
}
