/** @file Names and signatures of the lab's own tfjs kernels: the seam between the model and the backends.
 * `model/ops/` brings a composed version of each, made of standard tfjs kernels; a backend may register
 * a fused one under the same name, and then that one runs. All tensors are float32 but for token ids
 * (int32). Shapes: M = B T rows (B sequences of T tokens), D = d_model, H heads of E = D / H, V tokens
 * (at least 2: tfjs's `oneHot` takes no less).
 *
 * | kernel | inputs | attrs | outputs |
 * |---|---|---|---|
 * | Linear | x_MK, w_KN (or w_NK), b_N? | transpose_w | y_MN |
 * | LinearGrad | dy_MN, x_MK, w | transpose_w, has_bias | dx_MK, dw, db_N? |
 * | LayerNorm | x_MD, g_D, b_D | eps | y_MD, mean_M, rstd_M |
 * | LayerNormGrad | dy_MD, x_MD, g_D, mean_M, rstd_M | | dx_MD, dg_D, db_D |
 * | Gelu | x | | y |
 * | GeluGrad | dy, x | | dx |
 * | CausalAttention | q_MD, k_MD, v_MD | n_ctx, n_head | y_MD, saved (the kernel's own) |
 * | CausalAttentionGrad | dy_MD, q_MD, k_MD, v_MD, y_MD, saved | n_ctx, n_head | dq_MD, dk_MD, dv_MD |
 * | Embedding | tokens_M, wte_VD, wpe_TD | | x_MD |
 * | EmbeddingGrad | dx_MD, tokens_M | vocab_size, n_ctx | dwte_VD, dwpe_TD |
 * | CrossEntropy | logits_MV, targets_M | | loss (scalar, mean nats), saved (the kernel's own) |
 * | CrossEntropyGrad | logits_MV, targets_M, saved | | dlogits_MV |
 * | HeadLoss | x_MD, w_DV (or w_VD), targets_M | transpose_w | loss (scalar, mean nats), dx_MD, dw |
 * | Block | x_MD, parameters by the names in model/block.ts | n_ctx, n_head, eps | y_MD, saved (the kernel's own, any number) |
 * | BlockGrad | dy_MD, x_MD, saved0, saved1, ..., parameters | n_ctx, n_head, eps | dx_MD, then a gradient for each parameter |
 * | GlobalNorm | g0, g1, ... | | norm (scalar) |
 * | AdamW (fused only) | p0.., g0.., m0.., v0.., norm | see model/ops/adamw.ts | none: p, m, v change in place |
 */
import { tf } from './tf.ts';

export const KERNEL = {
  linear: 'LabLinear',
  linearGrad: 'LabLinearGrad',
  layerNorm: 'LabLayerNorm',
  layerNormGrad: 'LabLayerNormGrad',
  gelu: 'LabGelu',
  geluGrad: 'LabGeluGrad',
  causalAttention: 'LabCausalAttention',
  causalAttentionGrad: 'LabCausalAttentionGrad',
  embedding: 'LabEmbedding',
  embeddingGrad: 'LabEmbeddingGrad',
  crossEntropy: 'LabCrossEntropy',
  crossEntropyGrad: 'LabCrossEntropyGrad',
  headLoss: 'LabHeadLoss',
  block: 'LabBlock',
  blockGrad: 'LabBlockGrad',
  globalNorm: 'LabGlobalNorm',
  adamw: 'LabAdamW',
} as const;

export type KernelName = (typeof KERNEL)[keyof typeof KERNEL];

/** Tensors by name, in the order of the table above. */
export type KernelInputs = Record<string, tf.Tensor>;
export type KernelAttrs = Record<string, number | boolean>;

/** Names of one parameter's tensors and of its decay in AdamW's inputs and attributes. */
interface AdamWKeys {
  p: string;
  g: string;
  m: string;
  v: string;
  decay: string;
}

const adamw_keys: AdamWKeys[] = [];

/** The names for parameter `i`, made once: a step asks for hundreds. */
export function adamwKeys(i: number): AdamWKeys {
  adamw_keys[i] ??= { p: `p${i}`, g: `g${i}`, m: `m${i}`, v: `v${i}`, decay: `decay${i}` };
  return adamw_keys[i];
}

/** One kernel as a function of tensors; temporaries are freed around it. */
export interface LabKernel {
  name: KernelName;
  run: (inputs: KernelInputs, attrs: KernelAttrs) => tf.Tensor[];
}

/** Registers `kernels` for the tfjs backend `backendName`; a kernel that is there already stays. */
export function registerKernels(kernels: LabKernel[], backendName: string): void {
  for (const { name, run } of kernels) {
    if (tf.getKernel(name, backendName)) continue;
    tf.registerKernel({
      kernelName: name,
      backendName,
      kernelFunc: ({ inputs, attrs }) => tf.tidy(() => run(inputs as KernelInputs, (attrs ?? {}) as KernelAttrs)),
    });
  }
}
