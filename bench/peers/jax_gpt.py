"""Training steps of a plain GPT in JAX, jitted whole, as the bench's peer; protocol and shape as in pytorch.py."""

import json
import os
import sys
import time

# One thread, before JAX starts its pool.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
import jax
import jax.numpy as jnp


def init(request, key):
    d, v, t = request["d_model"], request["vocab_size"], request["n_ctx"]
    keys = iter(jax.random.split(key, 8 * request["n_layer"] + 4))
    dense = lambda *shape: 0.02 * jax.random.normal(next(keys), shape)
    norm = lambda: {"g": jnp.ones(d), "b": jnp.zeros(d)}
    block = lambda: {
        "ln_1": norm(), "qkv": dense(d, 3 * d), "attn_proj": dense(d, d),
        "ln_2": norm(), "fc": dense(d, 4 * d), "mlp_proj": dense(4 * d, d),
    }
    blocks = [block() for _ in range(request["n_layer"])]
    return {"wte": dense(v, d), "wpe": dense(t, d), "blocks": blocks, "ln_f": norm(), "head": dense(d, v)}


def layer_norm(p, x):
    centred = x - x.mean(-1, keepdims=True)
    return p["g"] * centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) + p["b"]


def loss_of(params, tokens, targets, n_head):
    x = params["wte"][tokens] + params["wpe"]
    b, t, d = x.shape
    mask = jnp.tril(jnp.ones((t, t), bool))
    for p in params["blocks"]:
        q, k, v = (h.reshape(b, t, n_head, -1) for h in jnp.split(layer_norm(p["ln_1"], x) @ p["qkv"], 3, -1))
        scores = jnp.einsum("bqhe,bkhe->bhqk", q, k) / (d // n_head) ** 0.5
        y = jnp.einsum("bhqk,bkhe->bqhe", jax.nn.softmax(jnp.where(mask, scores, -jnp.inf)), v)
        x = x + y.reshape(b, t, d) @ p["attn_proj"]
        x = x + jax.nn.gelu(layer_norm(p["ln_2"], x) @ p["fc"]) @ p["mlp_proj"]
    logits = layer_norm(params["ln_f"], x) @ params["head"]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1).mean()


def make_step(n_head):
    def step(params, m, v, count, tokens, targets):
        loss, g = jax.value_and_grad(loss_of)(params, tokens, targets, n_head)
        norm = jnp.sqrt(sum((x**2).sum() for x in jax.tree_util.tree_leaves(g)))
        scale = jnp.minimum(1.0, 1.0 / norm)
        tree_map = jax.tree_util.tree_map
        m = tree_map(lambda a, x: 0.9 * a + 0.1 * x * scale, m, g)
        v = tree_map(lambda a, x: 0.95 * a + 0.05 * (x * scale) ** 2, v, g)
        c1, c2 = 1 - 0.9**count, 1 - 0.95**count
        update = lambda p, a, b: p * (1 - 1e-4) - 1e-3 * (a / c1) / (jnp.sqrt(b / c2) + 1e-8)
        return tree_map(update, params, m, v), m, v, count + 1, loss

    return jax.jit(step, donate_argnums=(0, 1, 2))


def time_steps(request):
    key = jax.random.PRNGKey(0)
    params = init(request, key)
    zeros = lambda: jax.tree_util.tree_map(jnp.zeros_like, params)
    tokens = jax.random.randint(key, (request["batch_size"], request["n_ctx"] + 1), 0, request["vocab_size"])
    step = make_step(request["n_head"])
    state = (params, zeros(), zeros(), 1.0)
    run = lambda state: step(*state, tokens[:, :-1], tokens[:, 1:])
    warm = time.perf_counter()
    while time.perf_counter() - warm < 0.7:
        *state, loss = run(state)
        loss.block_until_ready()
    start = time.perf_counter(), time.process_time()
    for _ in range(request["num_steps"]):
        *state, loss = run(state)
    loss.block_until_ready()
    used = time.perf_counter() - start[0], time.process_time() - start[1]
    return [seconds / request["num_steps"] * 1e3 for seconds in used]


for line in sys.stdin:
    step_ms, cpu_ms = time_steps(json.loads(line))
    print(json.dumps({"step_ms": step_ms, "cpu_ms": cpu_ms, "version": f"JAX {jax.__version__}"}), flush=True)
