"""The same fits in SciPy: L-BFGS-B with exact gradients from the starts given, the lowest optimum kept.

Reads one JSON job a line on stdin and answers with one JSON line:
{"law", "points": {column: [...]}, "delta": null for squared error, "hold": {constant: value},
 "starts": [{constant: value}, ...], "weights": [[...], ...] for bootstrap refits, each from the first start}
-> {"objective", "params", "cpu_s"} or {"objectives", "cpu_s"}. The objective is the summed loss of log residuals.
"""
import json
import sys
import time

import numpy as np
from scipy.optimize import minimize

EXPONENTS = {"alpha", "beta", "eta", "c0", "c1"}


def log_sum(*terms):
    """log of the sum of exponentials, the largest by its real part taken out."""
    top = np.max([t.real if np.iscomplexobj(t) else t for t in np.broadcast_arrays(*terms)], axis=0)
    return top + np.log(sum(np.exp(t - top) for t in terms))


def larger(x, y):
    return np.where(np.real(x) >= np.real(y), x, y)


def smaller(x, y):
    return np.where(np.real(x) <= np.real(y), x, y)


def chinchilla(p, c):
    return log_sum(p["E"] + 0 * c["N"], p["A"] - p["alpha"] * c["N"], p["B"] - p["beta"] * c["D"])


def power_mean(p, c):
    q = np.exp(p["q"])
    n, d = p["A"] - p["alpha"] * c["N"], p["B"] - p["beta"] * c["D"]
    return log_sum(p["E"] + 0 * c["N"], log_sum(q * n, q * d) / q)


def kaplan_nd(p, c):
    a_n, a_d = np.exp(p["alpha_N"]), np.exp(p["alpha_D"])
    return a_d * log_sum(a_n / a_d * (p["N_c"] - c["N"]), p["D_c"] - c["D"])


def kaplan_ns(p, c):
    return log_sum(np.exp(p["alpha_N"]) * (p["N_c"] - c["N"]), np.exp(p["alpha_S"]) * (p["S_c"] - c["S"]))


def kaplan_n(p, c):
    return np.exp(p["alpha_N"]) * (p["N_c"] - c["N"])


def over_training(p, c):
    eta = p["eta"]
    n, d = np.log(6) + 2 * c["N"], np.log(6) + 2 * c["D"]
    return log_sum(p["E"] + 0 * n, p["a"] - eta * n, p["b"] - eta * d)


def saturating(p, c):
    return log_sum(p["E"] + 0 * c["x"], p["alpha"] * (p["x_c"] - c["x"]))


def broken_power_law(p, c):
    f = np.exp(p["f1"])
    past = c["x"] - p["d1"]
    bend = f * log_sum(0 * past, past / f)
    return log_sum(p["a"] + 0 * past, p["b"] - p["c0"] * c["x"] - p["c1"] * bend)


def effective(excess, constant):
    r = np.expm1(larger(excess, 0))
    return np.log1p(-constant * np.expm1(-r / constant))


def data_constrained(p, c):
    r_d, r_n = np.exp(p["R_D_star"]), np.exp(p["R_N_star"])
    unique_d = np.minimum(c["U"], c["D"])
    log_d = unique_d + effective(c["D"] - unique_d, r_d)
    best = (np.log(p["alpha"] / p["beta"]) + p["A"] - p["B"] + p["beta"] * unique_d) / p["alpha"]
    unique_n = smaller(best, c["N"] + 0 * best)
    log_n = unique_n + effective(c["N"] - unique_n, r_n)
    return log_sum(p["E"] + 0 * log_n, p["A"] - p["alpha"] * log_n, p["B"] - p["beta"] * log_d)


LAWS = {f.__name__: f for f in (
    chinchilla, power_mean, kaplan_nd, kaplan_ns, kaplan_n, over_training, saturating, broken_power_law,
    data_constrained)}


def chinchilla_gradient(names, x, c):
    """Value and Jacobian by hand: what is timed."""
    p = dict(zip(names, x))
    terms = np.array([np.full_like(c["N"], p["E"]), p["A"] - p["alpha"] * c["N"], p["B"] - p["beta"] * c["D"]])
    top = terms.max(axis=0)
    share = np.exp(terms - top)
    total = share.sum(axis=0)
    share /= total
    by = {"E": share[0], "A": share[1], "B": share[2], "alpha": -c["N"] * share[1], "beta": -c["D"] * share[2]}
    return top + np.log(total), np.array([by[name] for name in names])


def complex_step_gradient(law, names, x, held, c):
    """Value and Jacobian by complex steps: exact to rounding."""
    step = 1e-30
    rows = []
    for k in range(len(names)):
        z = x.astype(complex)
        z[k] += 1j * step
        rows.append(law({**held, **dict(zip(names, z))}, c).imag / step)
    return law({**held, **dict(zip(names, x))}, c).real, np.array(rows)


def objective(job, columns, log_loss, names, held, weight):
    delta = job["delta"] if job["delta"] is not None else np.inf
    by_hand = job["law"] == "chinchilla" and not held

    def f(x):
        with np.errstate(all="ignore"):
            value, jacobian = (chinchilla_gradient(names, x, columns) if by_hand
                               else complex_step_gradient(LAWS[job["law"]], names, x, held, columns))
            r = value - log_loss
            size = np.abs(r)
            inside = size <= delta
            rho = np.where(inside, 0.5 * r * r, delta * (size - 0.5 * delta) if np.isfinite(delta) else 0)
            psi = np.clip(r, -delta, delta)
            total, gradient = (weight * rho).sum(), jacobian @ (weight * psi)
        return (total, gradient) if np.isfinite(total) and np.isfinite(gradient).all() else (1e300, 0 * x)

    return f


def carried(name, value):
    return value if name in EXPONENTS else np.log(float(value))


def answer(job):
    columns = {name: np.log(np.array(v)) for name, v in job["points"].items() if name != "L"}
    log_loss = np.log(np.array(job["points"]["L"]))
    held = {name: carried(name, v) for name, v in job.get("hold", {}).items()}
    names = [name for name in job["starts"][0] if name not in held]
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-12}
    begin = time.process_time()
    if "weights" in job:
        start = np.array([carried(name, job["starts"][0][name]) for name in names])
        ends = [minimize(objective(job, columns, log_loss, names, held, np.array(w)), start, jac=True,
                         method="L-BFGS-B", options=options) for w in job["weights"]]
        return {"objectives": [float(e.fun) for e in ends], "cpu_s": time.process_time() - begin}
    f = objective(job, columns, log_loss, names, held, np.ones_like(log_loss))
    best = None
    for start in job["starts"]:
        with np.errstate(all="ignore"):
            x = np.array([carried(name, start[name]) for name in names])
        if not np.isfinite(x).all():
            continue
        end = minimize(f, x, jac=True, method="L-BFGS-B", options=options)
        if best is None or end.fun < best.fun:
            best = end
    taken = time.process_time() - begin
    # As far down as it goes: again from the best, until it stands still.
    for _ in range(20):
        end = minimize(f, best.x, jac=True, method="L-BFGS-B", options=options)
        if not end.fun < best.fun:
            break
        best = end
    params = {name: float(x if name in EXPONENTS else np.exp(x)) for name, x in zip(names, best.x)}
    return {"objective": float(best.fun), "params": params, "cpu_s": taken}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
