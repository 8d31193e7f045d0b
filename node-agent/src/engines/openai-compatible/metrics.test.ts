import { expect, test } from 'vitest';
import { sumOfGauge } from './metrics.ts';

const text = `# HELP vllm:num_requests_running Number of requests
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a } b"} 2.0
vllm:num_requests_running{engine="1",model_name="a"} 3
vllm:num_requests_running_total 99
llamacpp:requests_processing 1
`;

test('sums a gauge over its labels', () => {
  expect(sumOfGauge(text, 'vllm:num_requests_running')).toBe(5);
  expect(sumOfGauge(text, 'llamacpp:requests_processing')).toBe(1);
  expect(sumOfGauge(text, 'vllm:num_requests_waiting')).toBeUndefined();
});
