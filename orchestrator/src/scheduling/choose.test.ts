import { expect, it } from 'vitest';
import { choose } from './choose.ts';
import type { ChoosableJob, Placement } from './placement.ts';

const job: ChoosableJob = {
  promptTokens: 100,
  maxTokens: 100,
  numCtx: undefined,
  needs: [],
  stream: false,
  heldSince: 0,
  tried: new Map(),
  leaveBy: undefined,
  onlyNode: undefined,
};

interface Facts {
  readonly node: string;
  readonly decodeMs?: number;
  readonly loadMs?: number;
  readonly idleLanes?: number;
  readonly lastBoundAt?: number;
  readonly passedOver?: number;
  readonly modelState?: Placement['modelState'];
  readonly capabilities?: Placement['capabilities'];
  readonly breaker?: Placement['breaker'];
  readonly numCtx?: number;
}

/** A place that is free, hot and measured, unless told otherwise; the rest of the interface does not matter here. */
function toPlace(facts: Facts): Placement {
  const { node, decodeMs = 10, loadMs = 5_000, idleLanes = 1, modelState = 'hot' } = facts;
  return {
    node,
    engineId: 'ollama-11434',
    model: 'm:latest',
    nodeState: 'active',
    engineUp: true,
    modelState,
    capabilities: facts.capabilities,
    contextLength: 8_192,
    numCtx: facts.numCtx ?? 4_096,
    parallel: 4,
    running: new Set(),
    foreignJobs: 0,
    idleLanes,
    busyLanes: 0,
    busyJobs: () => [],
    rttMs: 0,
    sizeBytes: 1e9,
    memoryBytes: 16e9,
    breaker: facts.breaker ?? 'closed',
    probing: false,
    restUntil: 0,
    lastBoundAt: facts.lastBoundAt ?? 0,
    passedOver: facts.passedOver ?? 0,
    loadingSince: undefined,
    rates: {
      prefillMsPerToken: 1,
      decodeMsPerToken: () => decodeMs,
      loadMs,
      outputTokens: 100,
      errorRate: 0,
      deviationMs: 0,
      serviceMs: decodeMs * 100,
      samples: 100,
    },
    residentSince: 0,
    neighbours: () => [],
    hasRoom: () => true,
  };
}

it('takes the faster of two free places', () => {
  const choice = choose([toPlace({ node: 'slow', decodeMs: 40 }), toPlace({ node: 'fast' })], job, 1_000);
  expect(choice.action).toBe('bind');
  expect(choice.place?.node).toBe('fast');
  expect(choice.decision).toMatchObject({ reason: 'bound', chosen: 1 });
});

it('gives equals to the one not used for longest, wherever it stands', () => {
  const recent = toPlace({ node: 'recent', lastBoundAt: 900 });
  const rested = toPlace({ node: 'rested', lastBoundAt: 100 });
  expect(choose([recent, rested], job, 1_000).place?.node).toBe('rested');
  expect(choose([rested, recent], job, 1_000).place?.node).toBe('rested');
});

it('tries a place again that was passed over fifty times, unless it is far dearer', () => {
  const fast = toPlace({ node: 'fast' });
  const forgotten = { node: 'forgotten', decodeMs: 25, passedOver: 50 };
  expect(choose([fast, toPlace({ ...forgotten, passedOver: 49 })], job, 0).place?.node).toBe('fast');
  expect(choose([fast, toPlace(forgotten)], job, 0)).toMatchObject({
    place: { node: 'forgotten' },
    decision: { reason: 'explored', chosen: 1 },
  });
  expect(choose([fast, toPlace({ ...forgotten, decodeMs: 80 })], job, 0).place?.node).toBe('fast');
  expect(choose([fast, toPlace({ ...forgotten, idleLanes: 0 })], job, 0).place?.node).toBe('fast');
});

it('counts a place whose breaker is open as no place', () => {
  const choice = choose(
    [toPlace({ node: 'failing', decodeMs: 1, breaker: 'open' }), toPlace({ node: 'sound' })],
    job,
    0,
  );
  expect(choice.place?.node).toBe('sound');
  expect(choice.decision.candidates[0]).toMatchObject({ excluded: 'breaker-open' });
});

it('prefers a place that can what is needed, and lets the engine speak where none can', () => {
  const blind = toPlace({ node: 'blind', decodeMs: 1, capabilities: ['completion'] });
  const seeing = toPlace({ node: 'seeing', capabilities: ['completion', 'vision'] });
  expect(choose([blind, seeing], { ...job, needs: ['vision'] }, 0).place?.node).toBe('seeing');
  expect(choose([blind], { ...job, needs: ['vision'] }, 0)).toMatchObject({ action: 'bind', place: { node: 'blind' } });
});

it('says so when there is no place at all', () => {
  expect(choose([], job, 0)).toMatchObject({ action: 'none', decision: { reason: 'none', chosen: -1 } });
});
