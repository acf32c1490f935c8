import datetime as dt, time
import numpy as np, pyarrow as pa, pytest
from training.challenger import Budget, challenge
from training.dataset import prepare, Rows
from training.gates import load_gates
from training.split import Periods

def judged(job, table, seed=0, trials=3, champion=None, p=(8,8), **k):
    periods = Periods.at_end(job.dates, *p)
    ds = prepare(Rows.complete(table), job.use_case, job.catalog["gold.features"], periods)
    return challenge(job.use_case, ds, load_gates(job.use_case), Budget(trials, 60, f"{job.use_case.name}/{seed}", None), champion)

def put(t, **cols):
    for k, v in cols.items():
        t = t.set_column(t.column_names.index(k), k, v)
    return t

def noise(kind, seed, make_rows, days=30, per=100):
    g = np.random.default_rng(1000+seed)
    t = make_rows(days=days, per_day=per, strength=2.0, seed=seed)
    n = t.num_rows
    day = np.repeat(np.arange(days), per)
    if kind == "iid": lab = g.random(n) < 0.3
    if kind == "shuffled": lab = g.permutation(t["label"].to_numpy(zero_copy_only=False))
    if kind == "byday":   # all the rows of a day share a rate, features iid
        lab = g.random(n) < g.beta(2, 5, days)[day]
    if kind == "dayfeat":  # rate per day random, features constant by day, random walk
        lab = g.random(n) < g.beta(2, 5, days)[day]
        t = put(t, signal=pa.array(np.cumsum(g.normal(size=days))[day].astype("f4")), other=pa.array(g.normal(size=days)[day].astype("f4")))
    if kind == "walk":  # rate follows a random walk; features random walks as well
        r = 1/(1+np.exp(1-0.4*np.cumsum(g.normal(size=days))))
        lab = g.random(n) < r[day]
        t = put(t, signal=pa.array(np.cumsum(g.normal(size=days))[day].astype("f4")), other=pa.array(np.cumsum(g.normal(size=days))[day].astype("f4")))
    return put(t, label=pa.array(lab))

@pytest.mark.parametrize("kind", ["iid", "shuffled", "byday", "dayfeat", "walk"])
def test_noise(toy, make_rows, kind):
    got, t0 = [], time.time()
    for seed in range(20):
        job = toy(training_seed=None) if False else toy()
        c = judged(job, noise(kind, seed, make_rows), seed)
        n = c.numbers
        fails = [v.name for v in c.refused]
        if not fails: got.append(seed)
        if not fails or len(fails) == 1: print(kind, seed, fails, {k: round(n[k],4) for k in ("auc","auc_lower","gain_over_constant","gain_over_constant_lower")})
    print("NOISE", kind, "through:", len(got), got, f"{time.time()-t0:.0f}s")
