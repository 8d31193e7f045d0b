import type { NodeReport } from '@waggle/shared/cluster/node.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { expect, test } from 'vitest';
import { basicHardware } from '../capacity/hardware.ts';
import { NodeReports } from './node-reports.ts';

function make() {
  const state = { draining: false, memory: 8_000 };
  const hardware = { ...basicHardware(), memoryBytes: 10_000 };
  const reports = new NodeReports({
    hardware: () => hardware,
    engines: () => [],
    memoryAvailableBytes: () => state.memory,
    draining: () => state.draining,
    waitingJobs: () => 0,
    labels: { type: 'gpu' },
  });
  const heard: NodeReport[] = [];
  const stop = reports.subscribe((report) => heard.push(report));
  return { state, reports, heard, stop };
}

test('changes of one turn make one report, with the next number', async () => {
  const { state, reports, heard } = make();
  reports.changed();
  state.draining = true;
  reports.changed();
  await settled();
  expect(heard).toHaveLength(1);
  expect(heard[0]).toMatchObject({ sequence: 2, draining: true, labels: { type: 'gpu' } });
  expect(reports.current()).toBe(heard[0]);
});

test('free memory is worth a report when it moved far', async () => {
  const { state, reports, heard } = make();
  state.memory = 7_900;
  reports.measureMemory();
  await settled();
  expect(heard).toHaveLength(0);
  state.memory = 7_000;
  reports.measureMemory();
  await settled();
  expect(heard.map(({ memoryAvailableBytes }) => memoryAvailableBytes)).toEqual([7_000]);
});

test('who left hears nothing', async () => {
  const { reports, heard, stop } = make();
  stop();
  reports.changed();
  await settled();
  expect(heard).toEqual([]);
});
