import { expect, test } from 'vitest';
import { notSeated, Roster, type RosterMember } from './roster.ts';

function toMembers(count: number): RosterMember[] {
  return Array.from({ length: count }, () => ({ seat: notSeated }));
}

test('members that come and leave in any order: those that are left are there once', () => {
  const roster = new Roster();
  const members = toMembers(40);
  const present = new Set<RosterMember>();
  for (let step = 0; step < 4_013; step++) {
    const member = members[(step * step + 7 * step) % members.length];
    if (member === undefined) throw new Error('no such member');
    if (present.delete(member)) expect(roster.delete(member)).toBe(true);
    else {
      present.add(member);
      roster.add(member);
    }
    expect(roster.size).toBe(present.size);
  }
  expect(present.size).toBeGreaterThan(0);
  expect(new Set(roster)).toEqual(present);
  expect([...roster].length).toBe(present.size);
});

test('one that is not there, or there already, is told so', () => {
  const roster = new Roster();
  const other = new Roster();
  const [member, stranger] = toMembers(2) as [RosterMember, RosterMember];
  roster.add(member);
  other.add(stranger);
  expect(() => roster.add(member)).toThrow(/already/);
  expect(roster.delete(stranger)).toBe(false);
  expect(roster.delete(member)).toBe(true);
  expect(roster.delete(member)).toBe(false);
  roster.add(member);
  expect([...roster]).toEqual([member]);
});

test('everybody who stays is visited, whoever leaves or comes meanwhile', () => {
  for (let leaver = 0; leaver < 6; leaver++) {
    for (let moment = 0; moment < 6; moment++) {
      const roster = new Roster();
      const members = toMembers(6);
      for (const member of members) roster.add(member);
      const late = { seat: notSeated };
      const visited = new Set<RosterMember>();
      roster.each((member) => {
        if (visited.size === moment) {
          roster.delete(members[leaver] ?? late);
          roster.add(late);
        }
        visited.add(member);
      });
      expect(members.filter((member) => member !== members[leaver] && !visited.has(member))).toEqual([]);
    }
  }
});
