/**
 * Short names that can be pulled, as other tools call them, and the Hugging Face repository and quantization each stands for.
 * Any other model has an address: hf.co/USER/REPOSITORY[:QUANTIZATION], a URL of a GGUF file, or a path.
 */
export const knownModels: Readonly<Record<string, string>> = {
  // Chat, from small to large
  'smollm2:135m': 'hf.co/mradermacher/SmolLM2-135M-Instruct-GGUF:Q8_0',
  'gemma3:270m': 'hf.co/ggml-org/gemma-3-270m-it-GGUF:Q8_0',
  'qwen2.5:0.5b': 'hf.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M',
  'qwen3:0.6b': 'hf.co/Qwen/Qwen3-0.6B-GGUF:Q8_0',
  'llama3.2:1b': 'hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M',
  'gemma3:1b': 'hf.co/lmstudio-community/gemma-3-1b-it-GGUF:Q4_K_M',
  'qwen3:1.7b': 'hf.co/Qwen/Qwen3-1.7B-GGUF:Q8_0',
  'llama3.2:3b': 'hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M',
  'qwen3:4b': 'hf.co/Qwen/Qwen3-4B-GGUF:Q4_K_M',
  'qwen3:8b': 'hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M',

  // Embeddings
  'all-minilm:22m': 'hf.co/second-state/All-MiniLM-L6-v2-Embedding-GGUF:Q8_0',
  'nomic-embed-text:v1.5': 'hf.co/nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0',

  // What a name without a tag means
  'llama3.2:latest': 'hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M',
  'qwen3:latest': 'hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M',
  'all-minilm:latest': 'hf.co/second-state/All-MiniLM-L6-v2-Embedding-GGUF:Q8_0',
  'nomic-embed-text:latest': 'hf.co/nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0',
};
