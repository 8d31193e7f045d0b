import { describe, expect, it } from 'vitest';
import { toBoundJob, toChoosableJob, toPlacement } from '../testing/fake-placement.ts';
import { type Choice, choose } from './choose.ts';
import { cost } from './cost.ts';
import type { ChoosableJob, Placement } from './placement.ts';

const now = 1_000;

function pick(places: readonly Placement[], job: Partial<ChoosableJob> = {}, at = now): [Choice['action'], string?] {
  const { action, place } = choose(places, toChoosableJob(job), at);
  return place === undefined ? [action] : [action, place.node];
}

/** Every lane is taken; the first of its jobs ends in `restMs`. */
function busy(node: string, restMs: number, facts: Parameters<typeof toPlacement>[1] = {}): Placement {
  const tokensOut = 100 - restMs / 10;
  return toPlacement(node, { idleLanes: 0, running: [toBoundJob({ tokensOut })], ...facts });
}

const cold = { modelState: 'cold' } as const;
const slow = { rates: { decodeMsPerToken: () => 80, prefillMsPerToken: 8 } };

describe('choose', () => {
  it.each<[string, Placement[], Partial<ChoosableJob>, [Choice['action'], string?]]>([
    ['the only place', [toPlacement('a')], {}, ['bind', 'a']],
    ['no place at all', [], {}, ['none']],
    ['the faster of two free ones', [toPlacement('a', slow), toPlacement('b')], {}, ['bind', 'b']],
    ['warm and nearly free before cold and idle', [busy('a', 200), toPlacement('b', cold)], {}, ['wait', 'a']],
    [
      'cold and idle before warm and busy for long',
      [busy('a', 1_000, { rates: { serviceMs: 9_000, decodeMsPerToken: () => 100 } }), toPlacement('b', cold)],
      {},
      ['load', 'b'],
    ],
    [
      'a slow free one before a long wait',
      [busy('a', 990), toPlacement('b', { rates: { decodeMsPerToken: () => 30 } })],
      {},
      ['bind', 'b'],
    ],
    ['a short wait before a very slow free one', [busy('a', 300), toPlacement('b', slow)], {}, ['wait', 'a']],
    ['no second load beside one under way', [toPlacement('a', { ...cold, loadingSince: 900 })], {}, ['wait', 'a']],
    ['no load where the engine loads by itself', [toPlacement('a', { modelState: 'loading' })], {}, ['wait', 'a']],
    [
      'the S of a model, though lanes are free',
      [toPlacement('a', { parallel: 1, running: [toBoundJob()], idleLanes: 3 })],
      {},
      ['wait', 'a'],
    ],
    [
      'another model on the same lanes takes nothing of S',
      [toPlacement('a', { parallel: 1, others: [toBoundJob()] })],
      {},
      ['bind', 'a'],
    ],
    [
      'foreign work counts against S',
      [toPlacement('a', { foreignJobs: 1 }), toPlacement('b', { rates: { decodeMsPerToken: () => 20 } })],
      {},
      ['bind', 'b'],
    ],
    [
      'the nearer of two equals far apart',
      [toPlacement('a', { rttMs: 200 }), toPlacement('b', { rttMs: 1 })],
      {},
      ['bind', 'b'],
    ],
    ['the reliable one of two', [toPlacement('a', { rates: { errorRate: 0.5 } }), toPlacement('b')], {}, ['bind', 'b']],
    [
      'not a place that prefills a long prompt',
      [
        toPlacement('a', {
          parallel: 2,
          running: [toBoundJob({ promptTokens: 4_000, tokensOut: 0, firstEventAt: undefined })],
        }),
        toPlacement('b', { rates: { decodeMsPerToken: () => 20 } }),
      ],
      {},
      ['bind', 'b'],
    ],
    ['the wanted node alone', [toPlacement('a'), toPlacement('b', slow)], { onlyNode: 'b' }, ['bind', 'b']],
  ])('%s', (_, places, job, expected) => {
    expect(pick(places, job)).toEqual(expected);
  });

  it.each<[string, Parameters<typeof toPlacement>[1], Partial<ChoosableJob>]>([
    ['suspect', { nodeState: 'suspect' }, {}],
    ['draining', { nodeState: 'draining' }, {}],
    ['left', { nodeState: 'left' }, {}],
    ['engine-down', { engineUp: false }, {}],
    ['rejected', { isRejected: true, engineUp: false }, {}],
    ['breaker-open', { breaker: 'open' }, {}],
    ['breaker-open', { breaker: 'half-open' }, {}],
    ['breaker-open', { breaker: 'half-open', probing: true, ...cold }, {}],
    ['resting', { restUntil: now + 1 }, {}],
    ['memory', { ...cold, sizeBytes: 40e9 }, {}],
    ['fixed-context', { isCtxFixed: true, numCtx: 1_024, contextLength: 2_048 }, { numCtx: 1_025 }],
    ['other-node', {}, { onlyNode: 'z' }],
  ])('leaves out what cannot take it: %s', (reason, facts, job) => {
    const choice = choose([toPlacement('a', facts)], toChoosableJob(job), now);
    expect(choice.action).toBe('none');
    expect(choice.decision).toMatchObject({ reason: 'none', chosen: -1, candidates: [{ excluded: reason }] });
  });

  it('leaves out a place that failed the job for as long as it is told', () => {
    const place = toPlacement('a');
    const tried = new Map([[place, now + 100]]);
    expect(pick([place], { tried })).toEqual(['none']);
    expect(pick([place], { tried }, now + 100)).toEqual(['bind', 'a']);
  });

  it('lets a job of a user try out a cold place that rested, where no generation of our own can', () => {
    expect(pick([toPlacement('a', { ...cold, breaker: 'half-open' })])).toEqual(['load', 'a']);
  });

  describe('what a place is worse at', () => {
    const blind = toPlacement('blind', { capabilities: ['completion'] });
    const seeing = toPlacement('seeing', { capabilities: ['completion', 'vision'], ...slow });
    const silent = toPlacement('silent', { capabilities: undefined, ...slow });
    const short = toPlacement('short', { numCtx: 2_000, contextLength: 4_000 });
    const long = toPlacement('long', { numCtx: 2_000, contextLength: 32_000, ...slow });

    it.each<[string, Placement[], Partial<ChoosableJob>, string]>([
      ['a capability is missed where another place has it', [blind, seeing], { needs: ['vision'] }, 'seeing'],
      ['an engine that tells none may have it', [blind, silent], { needs: ['vision'] }, 'silent'],
      ['where nobody has it the engine says so itself', [blind], { needs: ['vision'] }, 'blind'],
      ['a longer context is looked for', [short, long], { numCtx: 16_000 }, 'long'],
      ['where nobody has it the engine clamps', [short], { numCtx: 16_000 }, 'short'],
      [
        'a prompt that surely overflows',
        [short, toPlacement('roomy', { numCtx: 8_000, ...slow })],
        { promptTokens: 9_000 },
        'roomy',
      ],
      [
        'an estimate just over it proves nothing',
        [short, toPlacement('roomy', { numCtx: 8_000, ...slow })],
        { promptTokens: 2_100 },
        'short',
      ],
    ])('%s', (_, places, job, node) => {
      expect(choose(places, toChoosableJob(job), now).place?.node).toBe(node);
    });

    it('is no reason for a place that is down', () => {
      const down = toPlacement('down', { capabilities: ['vision'], engineUp: false });
      expect(pick([blind, down], { needs: ['vision'] })).toEqual(['bind', 'blind']);
    });

    it('a larger context than the resident one is a reload, as dear as a load', () => {
      const job = { numCtx: 8_000 };
      expect(pick([long], job)).toEqual(['load', 'long']);
      expect(pick([long, toPlacement('ready', { numCtx: 8_000, ...slow })], job)).toEqual(['bind', 'ready']);
      expect(pick([long], { numCtx: 1_000 })).toEqual(['bind', 'long']);
    });
  });

  describe('equals', () => {
    it('go to the least recently used, never by position', () => {
      const places = [3, 1, 2].map((lastBoundAt) => toPlacement(`n${lastBoundAt}`, { lastBoundAt }));
      expect(pick(places)).toEqual(['bind', 'n1']);
      expect(pick(places.toReversed())).toEqual(['bind', 'n1']);
    });

    it('are those within 5 % or 5 ms', () => {
      const fresh = toPlacement('fresh', { lastBoundAt: 9 });
      expect(pick([fresh, toPlacement('old', { rttMs: 50 })])).toEqual(['bind', 'old']);
      expect(pick([fresh, toPlacement('old', { rttMs: 60 })])).toEqual(['bind', 'fresh']);
      const quick = { rates: { decodeMsPerToken: () => 0.1, prefillMsPerToken: 0.01 } };
      const quickFresh = toPlacement('fresh', { lastBoundAt: 9, ...quick });
      expect(pick([quickFresh, toPlacement('old', { rttMs: 4, ...quick })])).toEqual(['bind', 'old']);
      expect(pick([quickFresh, toPlacement('old', { rttMs: 6, ...quick })])).toEqual(['bind', 'fresh']);
    });

    it('prefer the one that is free', () => {
      const choice = choose([busy('a', 0.1), toPlacement('b', { lastBoundAt: 9 })], toChoosableJob(), now);
      expect(choice).toMatchObject({ action: 'bind', place: { node: 'b' }, decision: { reason: 'bound' } });
    });
  });

  describe('a place that was passed over fifty times', () => {
    const fast = toPlacement('fast');
    const dearer = (times: number) => ({ rates: { decodeMsPerToken: () => 10 * times, prefillMsPerToken: times } });

    it.each([
      ['is tried again', 2.5, { passedOver: 50 }, 'forgotten'],
      ['not sooner', 2.5, { passedOver: 49 }, 'fast'],
      ['not where it is far dearer', 8, { passedOver: 50 }, 'fast'],
      ['not while it is busy', 2.5, { passedOver: 50, idleLanes: 0 }, 'fast'],
    ])('%s', (_, times, facts, node) => {
      const forgotten = toPlacement('forgotten', { ...dearer(times), ...facts });
      const { place, decision } = choose([fast, forgotten], toChoosableJob(), now);
      expect(place?.node).toBe(node);
      expect(decision.reason).toBe(node === 'fast' ? 'bound' : 'explored');
    });
  });

  describe('patience', () => {
    const better = busy('better', 300);
    const free = toPlacement('free', slow);

    it('waits for the better place no longer than it could save, then takes the free one', () => {
      const { action, leaveBy = Number.NaN } = choose([better, free], toChoosableJob(), now);
      expect(action).toBe('wait');
      // 8 ms against 1 ms for each of 100 prompt tokens, 80 against 10 for each of 100 answer tokens.
      expect(leaveBy).toBe(now + 700 + 7_000);
      expect(pick([better, free], { leaveBy }, leaveBy - 1)).toEqual(['wait', 'better']);
      expect(pick([better, free], { leaveBy }, leaveBy)).toEqual(['bind', 'free']);
    });

    it('is decided once', () => {
      expect(choose([better, free], toChoosableJob({ leaveBy: now + 5 }), now).leaveBy).toBe(now + 5);
    });

    it('has no end while nothing else is free', () => {
      const choice = choose([better, busy('other', 900)], toChoosableJob(), now);
      expect(choice).toMatchObject({ action: 'wait', leaveBy: undefined, isOpen: false });
    });
  });

  describe('jobs that wait', () => {
    it('make the wait longer for those after them', () => {
      const better = busy('better', 100);
      const free = toPlacement('free', slow);
      const job = toChoosableJob();
      expect(choose([better, free], job, now).place?.node).toBe('better');
      expect(choose([better, free], job, now, new Map([[better, 4]])).place?.node).toBe('free');
    });

    it('take the lanes as they become free', () => {
      const place = toPlacement('a', {
        idleLanes: 0,
        parallel: 2,
        running: [toBoundJob({ tokensOut: 90 }), toBoundJob({ tokensOut: 30 })],
      });
      const waits = [0, 1, 2, 3].map((claims) => cost(place, toChoosableJob(), now, claims).wait);
      expect(waits).toEqual([100, 700, 1_100, 1_700]);
    });

    it('tell whether a later one may go elsewhere', () => {
      expect(choose([busy('a', 200), toPlacement('b', cold)], toChoosableJob(), now).isOpen).toBe(true);
      expect(choose([busy('a', 200)], toChoosableJob(), now).isOpen).toBe(false);
    });
  });

  it('explains itself: every candidate with its terms, whose sum is the total', () => {
    const { decision } = choose(
      [busy('a', 200), toPlacement('b', cold), toPlacement('c', { breaker: 'open' })],
      toChoosableJob({ heldSince: 400 }),
      now,
    );
    expect(decision).toMatchObject({ reason: 'waited', chosen: 0, heldMs: 600 });
    expect(decision.candidates.map((candidate) => candidate.node)).toEqual(['a', 'b', 'c']);
    for (const { terms, excluded } of decision.candidates) {
      expect(terms === undefined).toBe(excluded !== undefined);
      if (terms === undefined) continue;
      const { rtt, load, wait, prefill, decode, risk, total } = terms;
      expect(total).toBeCloseTo(rtt + Math.max(load, wait) + prefill + decode + risk);
    }
  });

  it('changes nothing', () => {
    const places = [busy('a', 200), toPlacement('b', cold)].map((place) => Object.freeze(place));
    const job = Object.freeze(toChoosableJob());
    expect(choose(Object.freeze(places), job, now)).toEqual(choose(places, job, now));
  });
});

describe('cost', () => {
  it('expects no longer answer than the client allows, and no shorter than the model gives', () => {
    const decode = (maxTokens: number | undefined) => cost(toPlacement('a'), toChoosableJob({ maxTokens }), now).decode;
    expect([undefined, -1, 10, 500].map(decode)).toEqual([1_000, 1_000, 100, 1_000]);
  });

  it('expects the rest of a load that is under way', () => {
    const place = toPlacement('a', { ...cold, loadingSince: now - 2_000 });
    expect(cost(place, toChoosableJob(), now).load).toBe(3_000);
  });

  it.each([
    ['before its first token', { firstEventAt: undefined, tokensOut: 0, boundAt: now - 40 }, 60 + 1_000],
    ['amid its answer', { tokensOut: 50 }, 500],
    ['longer than expected', { tokensOut: 120 }, 600],
    ['hardly longer', { tokensOut: 100, expectedTokens: 10 }, 500],
  ])('predicts the rest of a job %s', (_, facts, rest) => {
    const place = toPlacement('a', { idleLanes: 0, running: [toBoundJob(facts)] });
    expect(cost(place, toChoosableJob(), now).wait).toBe(rest);
  });

  it('has all lanes of an engine in view where lanes are what is short', () => {
    const place = toPlacement('a', {
      idleLanes: 0,
      parallel: 4,
      running: [toBoundJob({ tokensOut: 20 })],
      others: [toBoundJob({ tokensOut: 70 })],
    });
    expect(cost(place, toChoosableJob(), now).wait).toBe(300);
  });
});
