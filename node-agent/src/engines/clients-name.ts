import type { JobFailure, JobHeader } from '@waggle/shared/cluster/job.ts';

/** A failure whose words name the model as the client wrote it, where the engine quotes the name it was asked by. */
export function inClientsName(failure: JobFailure, { model, answerModel }: JobHeader): JobFailure {
  if (model === answerModel || !failure.message.includes(model)) return failure;
  const message = failure.message
    .replaceAll(`"${model}"`, () => `"${answerModel}"`)
    .replaceAll(`'${model}'`, () => `'${answerModel}'`);
  return { ...failure, message };
}
