/** What can be in a roster, in one at a time. */
export interface RosterMember {
  /** Its place there, `notSeated` while it is in none. Only the roster writes it. */
  seat: number;
}

export const notSeated = -1;

/**
 * A set of what is under way, in no order. Unlike a `Set` it leaves no garbage behind: V8 exchanges the table of a Set that is added
 * to and deleted from again and again, and each old table refers to its members of that moment and to the next table. One such
 * table that grew old keeps whatever came after it through every minor collection, so all requests would grow old with it.
 */
export class Roster<Member extends RosterMember> implements Iterable<Member> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Throws for one that is in a roster already. */
  add(member: Member): void {
    if (member.seat !== notSeated) throw new Error('it is in a roster already');
    member.seat = this.#members.push(member) - 1;
  }

  /** False: it was not here. */
  delete(member: Member): boolean {
    const { seat } = member;
    const members = this.#members;
    if (members[seat] !== member) return false;
    member.seat = notSeated;
    const last = members.pop();
    if (last !== undefined && last !== member) {
      members[seat] = last;
      last.seat = seat;
    }
    return true;
  }

  /** For looking only: members that leave meanwhile may hide others. */
  [Symbol.iterator](): Iterator<Member> {
    return this.#members[Symbol.iterator]();
  }

  /** Everybody who is here and stays is visited; members may come and leave meanwhile, those that come are left out. */
  each(visit: (member: Member) => void): void {
    for (let seat = this.#members.length - 1; seat >= 0; seat--) {
      const member = this.#members[seat];
      if (member !== undefined) visit(member);
    }
  }
}
