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
 * | LinearAdd | x_MK, w, b_N?, r_MN | transpose_w | y_MN + r |
 * | Projections | x_MK, w0_KN, w1, w2, b0_N?, b1?, b2? | | y0_MN, y1, y2 |
 * | ProjectionsGrad | dy0_MN, dy1, dy2, x_MK, w0, w1, w2 | has_bias | dx_MK, dw0, dw1, dw2, then db0_N?, db1?, db2? |
 * | Mlp | x_MD, w_fc_DF, b_fc_F?, w_proj_FD, b_proj_D?, r_MD | | y_MD, hidden_MF, saved (the kernel's own)? |
 * | MlpGrad | dy_MD, x_MD, hidden_MF, saved?, w_fc, w_proj | has_bias | dx_MD, dw_fc, dw_proj, then db_fc?, db_proj? |
 * | LayerNorm | x_MD, g_D, b_D | eps | y_MD, mean_M, rstd_M |
 * | LayerNormGrad | dy_MD, x_MD, g_D, mean_M, rstd_M | | dx_MD, dg_D, db_D |
 * | LayerNormGradAdd | dy_MD, x_MD, g_D, mean_M, rstd_M, r_MD | | dx_MD + r, dg_D, db_D |
 * | Gelu | x | | y |
 * | GeluGrad | dy, x | | dx |
 * | CausalAttention | q_MD, k_MD, v_MD | n_ctx, n_head | y_MD, saved (the kernel's own) |
 * | CausalAttentionGrad | dy_MD, q_MD, k_MD, v_MD, y_MD, saved | n_ctx, n_head | dq_MD, dk_MD, dv_MD |
 * | Embedding | tokens_M, wte_VD, wpe_TD | | x_MD |
 * | EmbeddingGrad | dx_MD, tokens_M | vocab_size, n_ctx | dwte_VD, dwpe_TD |
 * | CrossEntropy | logits_MV, targets_M | | loss (scalar, mean nats), saved (the kernel's own) |
 * | CrossEntropyGrad | logits_MV, targets_M, saved | | dlogits_MV |
 * | HeadLoss | x_MD, w_DV (or w_VD), targets_M | transpose_w | loss (scalar, mean nats), dx_MD, dw |
 * | GlobalNorm | g0, g1, ... | | norm (scalar) |
 * | AdamW (fused only) | p0.., g0.., m0.., v0.., norm | see model/ops/adamw.ts | none: p, m, v change in place |
 */
import { tf } from './tf.ts';

export const KERNEL = {
  linear: 'LabLinear',
  linearGrad: 'LabLinearGrad',
  linearAdd: 'LabLinearAdd',
  projections: 'LabProjections',
  projectionsGrad: 'LabProjectionsGrad',
  mlp: 'LabMlp',
  mlpGrad: 'LabMlpGrad',
  layerNorm: 'LabLayerNorm',
  layerNormGrad: 'LabLayerNormGrad',
  layerNormGradAdd: 'LabLayerNormGradAdd',
  gelu: 'LabGelu',
  geluGrad: 'LabGeluGrad',
  causalAttention: 'LabCausalAttention',
  causalAttentionGrad: 'LabCausalAttentionGrad',
  embedding: 'LabEmbedding',
  embeddingGrad: 'LabEmbeddingGrad',
  crossEntropy: 'LabCrossEntropy',
  crossEntropyGrad: 'LabCrossEntropyGrad',
  headLoss: 'LabHeadLoss',
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
