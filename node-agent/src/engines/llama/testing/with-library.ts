import { describe } from 'vitest';

const systems = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];
const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
const isMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;

/**
 * Whether llama.cpp comes as a binary for this system. Where it does, the library has to be installed and to run: a test that misses it there
 * fails, and is not left out.
 */
export const hasLibrary = systems.includes(`${process.platform}-${process.arch}`) && !isMusl;

/** Tests of what only the library can do: on a system that it has no binary for there is nothing to test. */
export const describeWithLibrary = describe.skipIf(!hasLibrary);
