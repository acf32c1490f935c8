import datetime as dt, time, logging
import numpy as np, pyarrow as pa, pytest
from nightshift import champions, registry
from nightshift.calibration import Calibration
from nightshift.registry import RegisteredModel
from training.challenger import Budget, challenge
from training.dataset import prepare, Rows
from training.gates import load_gates, as_table
from training.split import Periods
from tests.training.test_traps_explore1 import judged, put

def rm(c, version=1):
    m = c.model
    return RegisteredModel("x", version, "r", m.booster.model_to_string(), m.encoding, m.encoding.features, m.task, m.calibration, m.threshold, m.interval)

def sig(x): return 1/(1+np.exp(-x))

def table(make_rows, seed, f, days=30, per=200):
    t = make_rows(days=days, per_day=per, seed=seed)
    s = t["signal"].to_numpy(); g = np.random.default_rng(seed+77)
    return put(t, label=pa.array(g.random(t.num_rows) < sig(f(s))))

@pytest.mark.parametrize("name,old,new", [
  ("flip", lambda s: 1.5*s-1, lambda s: -1.5*s-1),
  ("rate_up", lambda s: 1.5*s-3.5, lambda s: 1.5*s+1.5),
  ("rate_up_big", lambda s: 1.0*s-4, lambda s: 1.0*s+3),
  ("rate_down", lambda s: 1.5*s+1.5, lambda s: 1.5*s-2.5),
  ("flip_rate", lambda s: 1.5*s-3, lambda s: -1.5*s+1),
])
def test_drift(toy, make_rows, name, old, new):
    job = toy()
    a = judged(job, table(make_rows, 1, old))
    print("DRIFT", name, "old refused", [v.name for v in a.refused])
    b = judged(job, table(make_rows, 2, new), champion=rm(a))
    n = b.numbers
    print("DRIFT", name, "new refused", [(v.name, v.value, v.limit) for v in b.refused], {k: round(v,4) for k,v in n.items() if k in ("auc","champion_auc","champion_log_loss","log_loss","gain_over_champion","score_shift_from_champion")})

def test_leak(toy, make_rows):
    for kind in ("copy", "near", "sentinel"):
        job = toy()
        t = make_rows(per_day=200)
        lab = t["label"].to_numpy(zero_copy_only=False)
        g = np.random.default_rng(3)
        col = lab.astype("f4")
        if kind == "near": col = np.where(g.random(len(lab))<0.995, lab, ~lab).astype("f4")
        if kind == "sentinel": col = np.where(lab, g.normal(size=len(lab)), np.nan).astype("f4")
        c = judged(job, put(t, other=pa.array(col)))
        print("LEAK", kind, "refused", [(v.name, v.value) for v in c.refused], "auc", c.numbers["auc"], "ll", c.numbers["log_loss"], c.model.threshold, c.model.calibration.kind, c.model.calibration)

@pytest.mark.parametrize("w", [1, 2, 3, 5, 20, "balanced"])
def test_event_weight(toy, make_rows, w):
    out = []
    for seed in range(6):
        job = toy(event_weight=w)
        t = table(make_rows, seed, lambda s: 0.7*s-1.8, per=40 if seed < 3 else 200)
        c = judged(job, t, seed)
        out.append((c.model.calibration.kind, round(float(np.mean(c.evaluation.predicted["test"])),3), round(c.numbers["event_rate"],3), round(c.numbers["calibration_error"],3), [v.name for v in c.refused]))
    print("EW", w); [print("   ", o) for o in out]
