export const expectedStates = ['waiting', 'invited', 'joined', 'refused', 'unreachable'] as const;

/** A machine the configuration names, whether it is there or not. */
export interface ExpectedNode {
  readonly name: string;
  /** `HOST:PORT` of its agent. */
  readonly address: string;
  readonly state: (typeof expectedStates)[number];
  /** What its operator should mend. */
  readonly notice?: string;
}

export interface ExpectedNodes {
  readonly expected: readonly ExpectedNode[];
}
