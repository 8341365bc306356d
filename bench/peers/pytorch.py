"""Training steps of a plain GPT in PyTorch, as the bench's peer: same shape, batch and optimiser as ours.

Reads one JSON object a line, {"n_layer", "d_model", "n_head", "n_ctx", "vocab_size", "batch_size", "num_steps",
"num_threads", "foreach"}, and answers each with {"step_ms", "cpu_ms", "version"}: the mean time (and CPU time) of num_steps
whole steps (forward, backward, clip, AdamW) after a warm-up. No biases, as in our model; attention by PyTorch's fused kernel where this
version has one; AdamW with the library's defaults, or all tensors at once with "foreach".
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, d_model, n_head, n_ctx):
        super().__init__()
        self.n_head = n_head
        self.ln_1 = nn.LayerNorm(d_model)
        self.c_attn = nn.Linear(d_model, 3 * d_model, bias=False)
        self.attn_proj = nn.Linear(d_model, d_model, bias=False)
        self.ln_2 = nn.LayerNorm(d_model)
        self.c_fc = nn.Linear(d_model, 4 * d_model, bias=False)
        self.mlp_proj = nn.Linear(4 * d_model, d_model, bias=False)
        self.register_buffer("mask", torch.triu(torch.full((n_ctx, n_ctx), -math.inf), 1))

    def attention(self, x):
        batch, n_ctx, d_model = x.shape
        split = lambda t: t.view(batch, n_ctx, self.n_head, d_model // self.n_head).transpose(1, 2)
        q, k, v = map(split, self.c_attn(x).split(d_model, dim=2))
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + self.mask).softmax(-1) @ v
        return self.attn_proj(y.transpose(1, 2).reshape(batch, n_ctx, d_model))

    def forward(self, x):
        x = x + self.attention(self.ln_1(x))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, n_layer, d_model, n_head, n_ctx, vocab_size):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, d_model)
        self.wpe = nn.Embedding(n_ctx, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_head, n_ctx) for _ in range(n_layer))
        self.ln_f = nn.LayerNorm(d_model)
        self.lm_head = nn.Linear(d_model, vocab_size, bias=False)

    def forward(self, tokens, targets):
        x = self.wte(tokens) + self.wpe.weight
        for block in self.blocks:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def time_steps(request):
    torch.manual_seed(0)
    torch.set_num_threads(request.get("num_threads", 1))
    shape = {key: request[key] for key in ("n_layer", "d_model", "n_head", "n_ctx", "vocab_size")}
    model = GPT(**shape)
    options = {"lr": 1e-3, "betas": (0.9, 0.95), "weight_decay": 0.1}
    if request.get("foreach"):
        options["foreach"] = True
    optimizer = torch.optim.AdamW(model.parameters(), **options)
    tokens = torch.randint(request["vocab_size"], (request["batch_size"], request["n_ctx"] + 1))

    def step():
        loss = model(tokens[:, :-1], tokens[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    warm = time.perf_counter()
    while time.perf_counter() - warm < 0.7:
        step()
    start = time.perf_counter(), time.process_time()
    for _ in range(request["num_steps"]):
        step()
    used = time.perf_counter() - start[0], time.process_time() - start[1]
    return [seconds / request["num_steps"] * 1e3 for seconds in used]


for line in sys.stdin:
    step_ms, cpu_ms = time_steps(json.loads(line))
    version = f"PyTorch {torch.__version__}"
    print(json.dumps({"step_ms": step_ms, "cpu_ms": cpu_ms, "version": version}), flush=True)
