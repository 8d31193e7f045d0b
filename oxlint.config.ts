import { defineConfig } from 'oxlint';
import { boundaryOverrides, environmentAccess, environmentReaders } from './scripts/boundaries.ts';

/** Lint of the whole repository. Who may import whom is in scripts/boundaries.ts; format and imports are Biome's. */
export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'promise', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  // node_modules is named although .gitignore has it: outside a git tree oxlint would follow its links for ever.
  ignorePatterns: ['**/node_modules/**', '.tools/**', 'shared/src/wire/generated/**', '**/fixtures/**'],
  rules: {
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'max-lines': ['error', { max: 400 }],
    'no-console': 'error',
    'no-restricted-properties': ['error', ...environmentAccess],
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],

    // Of the suspicious ones, these found nothing wrong and much that is meant.
    'import/no-named-as-default-member': 'off', // fast-check is used as `fc`
    'promise/always-return': 'off',
    'promise/no-callback-in-promise': 'off',
    'typescript/consistent-return': 'off', // tsc's noImplicitReturns knows exhaustive switches
    'typescript/no-unsafe-type-assertion': 'off', // parse and convert functions need them
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/no-new-array': 'off',
    'unicorn/no-useless-spread': 'off', // a copy to go through while the original changes
  },
  overrides: [
    ...boundaryOverrides,
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['.ci/**', 'scripts/**', 'cli/**', 'testbed/**'], rules: { 'no-console': 'off' } },
    { files: environmentReaders, rules: { 'no-restricted-properties': 'off' } },
  ],
});
