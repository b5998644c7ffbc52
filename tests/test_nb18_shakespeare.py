"""Notebook 18's counting tables, fast GPT, optimizer and Lightning parts against plain code; killed and resumed, one process and two."""

import itertools
import json
import math
import os
import subprocess
import sys
from collections import Counter, defaultdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional as F

from lessons import counting
from lessons import shakespeare as s
from utils import ROOT

TEXT = "to be, or not to be: that is the question; whether tis nobler in the mind to suffer" * 3
SIGNS = sorted(set(TEXT))
IDS = np.array([SIGNS.index(c) for c in TEXT])
V = len(SIGNS)


def slow_kneser_ney(text, order, context, c, discount):
    """Interpolated Kneser-Ney with one discount, from counters, by the definition."""
    p = 1 / len(set(text))
    for n in range(1, order + 1):
        h = context[len(context) - (n - 1) :]
        if n == order:
            counts = Counter(text[i : i + n] for i in range(len(text) - n + 1))
        else:
            before = defaultdict(set)
            for i in range(len(text) - n):
                before[text[i + 1 : i + n + 1]].add(text[i])
            counts = Counter({run: len(some) for run, some in before.items()})
        here = {run[-1]: count for run, count in counts.items() if run[:-1] == h}
        if not here:
            return p
        total = sum(here.values())
        p = max(here.get(c, 0) - discount, 0) / total + discount * len(here) / total * p
    return p


@pytest.mark.parametrize("order", [1, 2, 4])
def test_kneser_ney_is_its_definition(order):
    table = counting.KneserNey(IDS, V, order, discount=0.6)
    for context, c in (("to b", "e"), ("the ", "q"), ("xyz ", "t"), ("ion;", "a"), ("to t", "t")):
        if not set(context) <= set(SIGNS):
            continue
        ids = np.array([SIGNS.index(x) for x in context + c])
        assert table.probabilities(ids, len(context))[0] == pytest.approx(slow_kneser_ney(TEXT, order, context, c, 0.6), rel=1e-9)


def test_kneser_ney_sums_to_one_everywhere():
    table, rng = counting.KneserNey(IDS, V, 5), np.random.default_rng(0)
    for _ in range(20):
        context = rng.integers(0, V, 6)
        assert sum(table.probabilities(np.append(context, c), 6)[0] for c in range(V)) == pytest.approx(1, abs=1e-9)


def test_seen_is_the_longest_counted_context():
    table, rng = counting.KneserNey(IDS, V, 4), np.random.default_rng(1)
    ids = np.concatenate([IDS[5:30], rng.integers(0, V, 30), IDS[40:60]])
    known = {TEXT[i : i + n] for n in (1, 2, 3) for i in range(len(TEXT) - n)}  # a run at the very end is nobody's context
    for i, found in enumerate(table.seen(ids, 6), start=6):
        text = "".join(SIGNS[j] for j in ids[:i])
        assert found == max([n for n in (1, 2, 3) if text[-n:] in known], default=0)


def test_runs_and_discounts():
    assert counting.runs_of(np.array([1, 2, 3, 4]), 2, 10).tolist() == [12, 23, 34]
    with pytest.raises(ValueError, match="do not fit"):
        counting.runs_of(IDS, 11, 76)
    assert counting.discounts(np.array([5]), fixed=0.5).tolist() == [0, 0.5, 0.5, 0.5]
    counts = np.repeat([1, 2, 3, 4], [40, 12, 6, 3])
    share = 40 / (40 + 24)
    np.testing.assert_allclose(counting.discounts(counts), [0, 1 - 2 * share * 12 / 40, 2 - 3 * share * 6 / 12, 3 - 4 * share * 3 / 6])
    with pytest.raises(ValueError, match="between 0 and 1"):
        counting.discounts(counts, fixed=1.2)


def test_table_rows_by_hand():
    tokens = torch.tensor([[3, 1, 4, 1, 5]])
    rows = s.table_rows(tokens, (1, 2), 7, 6)
    assert rows[0, :, 0].tolist() == [3, 1, 4, 1, 5]
    assert rows[0, :, 1].tolist() == [64 + 7 * a + b for a, b in zip([0, 3, 1, 4, 1], [3, 1, 4, 1, 5], strict=True)]
    long = s.table_rows(torch.randint(7, (5, 40)), (4, 6), 7, 6)
    assert long[..., 0].max() < 64 <= long[..., 1].min() and long.max() < 128 and long.min() >= 0
    same = s.table_rows(torch.tensor([[0, 1, 2, 3, 4, 5], [6, 1, 2, 3, 4, 5]]), (4, 6), 7, 20)
    assert same[0, -1, 0] == same[1, -1, 0] and same[0, -1, 1] != same[1, -1, 1]


def fast(seed=0, **changes):
    torch.manual_seed(seed)
    sizes = dict(vocab_size=V, max_len=12, d_model=24, n_heads=3, n_layers=2, tables=(2, 3), bits=6, d_table=4)
    return s.FastGPT(s.FastConfig(**sizes | changes)).eval()


def shaken(model):
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.3)
    return model


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_nanochat(seed):
    torch.manual_seed(seed)
    config = transformers.NanoChatConfig(
        vocab_size=V, hidden_size=24, intermediate_size=96, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=12,
        final_logit_softcapping=None, rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    theirs, ours = shaken(transformers.NanoChatForCausalLM(config).eval()), fast(tables=())
    w = theirs.state_dict()
    state = {"embedding.weight": w["model.embed_tokens.weight"], "head.weight": w["lm_head.weight"]}
    for i in range(2):
        old = f"model.layers.{i}."
        state[f"blocks.{i}.W_qkv.weight"] = torch.cat([w[f"{old}self_attn.{n}_proj.weight"] for n in "qkv"])
        for here, there in (("W_o", "self_attn.o_proj"), ("up", "mlp.fc1"), ("down", "mlp.fc2")):
            state[f"blocks.{i}.{here}.weight"] = w[f"{old}{there}.weight"]
    ours.load_state_dict(state)
    tokens = torch.randint(V, (3, 11))
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-4, rtol=1e-4)
    ours(tokens).square().mean().backward()
    theirs(tokens).logits.square().mean().backward()
    torch.testing.assert_close(ours.embedding.weight.grad, theirs.model.embed_tokens.weight.grad, atol=1e-3, rtol=1e-3)


def test_first_loss_is_ln_v_and_the_future_stays_hidden():
    model = fast()
    tokens = torch.randint(V, (4, 12))
    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(V), abs=1e-6)
    model = shaken(model)
    changed = tokens.clone()
    changed[:, 7] = (changed[:, 7] + 1) % V
    moved = (model(tokens) - model(changed)).abs().amax(dim=(0, 2))
    assert not moved[:7].any() and moved[7:].gt(0).all()
    with pytest.raises(ValueError, match="cut the text from the left"):
        model(torch.zeros(1, 13, dtype=torch.long))


def test_tables_are_dropped_in_training_only():
    model = shaken(fast(table_drop=0.5))
    tokens = torch.randint(V, (2, 9))
    torch.testing.assert_close(model(tokens), model(tokens), rtol=0, atol=0)
    model.train()
    assert (model(tokens) - model(tokens)).abs().max() > 1e-3


def test_orthogonalized_keeps_directions():
    torch.manual_seed(0)
    for shape in ((6, 9), (9, 6), (2, 5, 8)):
        x = torch.randn(shape)
        out = s.orthogonalized(x)
        assert out.shape == x.shape
        assert torch.linalg.svdvals(out).min() > 0.3 and torch.linalg.svdvals(out).max() < 1.3
        U, _, Vh = torch.linalg.svd(x, full_matrices=False)
        inside = U.mT @ out @ Vh.mT  # diagonal where the singular vectors stayed
        assert (inside - torch.diag_embed(inside.diagonal(dim1=-2, dim2=-1))).abs().max() < 1e-3


def test_muon_adam_equals_torch_apart():
    torch.manual_seed(0)
    start = [torch.randn(12, 20), torch.randn(12, 20), torch.randn(20, 12), torch.randn(7)]
    pair = [[nn.Parameter(t.clone()) for t in start] for _ in range(2)]
    mine = s.MuonAdam([{"params": pair[0][:3], "lr": 0.01, "muon": True}, {"params": pair[0][3:], "lr": 0.02}])
    theirs = [
        torch.optim.Muon(pair[1][:3], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(pair[1][3:], lr=0.02, betas=(0.9, 0.98)),
    ]
    for _ in range(5):
        for a, b in zip(*pair, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        for optimizer in (mine, *theirs):
            optimizer.step()
    torch.testing.assert_close(pair[0][3], pair[1][3])
    for a, b, t in zip(pair[0][:3], pair[1][:3], start[:3], strict=True):
        assert (a - b).abs().max() < 0.03 * (a - t).abs().max()  # PyTorch's multiplies in bfloat16
    with pytest.raises(ValueError, match="Muon is for matrices"):
        s.MuonAdam([{"params": [nn.Parameter(torch.zeros(3))], "muon": True}])


def test_groups_hold_every_parameter_once():
    model = fast()
    groups = s.parameter_groups(model, 1.0, 2.0, 3.0)
    assert [(g["lr"], g["muon"]) for g in groups] == [(2.0, True), (3.0, False), (1.0, False)]
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(id(p) for p in model.parameters())
    assert len(s.parameter_groups(model, 1.0, 0.0, 3.0)) == 2


def test_windows_follow_from_their_number():
    ids = torch.arange(500)
    a, b = s.Windows(ids, 8, 20, first=0), s.Windows(ids, 8, 10, first=10)
    assert all(torch.equal(a[i + 10], b[i]) for i in range(10)) and len(a) == 20
    assert all(torch.equal(a[i] - a[i][0], torch.arange(9)) for i in range(20))
    assert len({int(a[i][0]) for i in range(20)}) > 15
    assert not torch.equal(a[0], s.Windows(ids, 8, 20, seed=1)[0])
    with pytest.raises(ValueError, match="no window"):
        s.Windows(ids[:8], 8, 1)


def test_loaders():
    data = s.PlaysData(torch.arange(400), torch.arange(100), window=9, batch=6, steps=4)
    data.trainer = SimpleNamespace(world_size=2, global_rank=1, current_epoch=3)
    second = list(data.train_dataloader())
    assert len(second) == 4 and all(rows.shape == (3, 10) for rows in second)
    windows = s.Windows(torch.arange(400), 9, 24, first=72)
    assert torch.equal(second[0], torch.stack([windows[i] for i in (1, 3, 5)]))
    assert torch.cat(list(data.val_dataloader())).flatten().tolist() == list(range(100))
    data.trainer.world_size = 4
    with pytest.raises(ValueError, match="cannot be shared"):
        data.train_dataloader()


def test_trapezoid():
    plan = [s.trapezoid(step, 100) for step in range(101)]
    assert plan[0] == 0.2 and plan[4:41] == [1.0] * 37 and plan[70] == pytest.approx(0.5) and plan[100] == 0
    assert all(a >= b for a, b in itertools.pairwise(plan[4:]))


def test_char_probabilities_one_by_one():
    model = shaken(fast(max_len=8))
    ids = torch.randint(V, (41,))
    p = s.char_probabilities(model, ids, first=6, window=8)
    assert p.shape == (35,) and (p > 0).all()
    for i in range(6, 41):
        options = [model(ids[i - n : i][None])[0, -1].softmax(-1)[ids[i]].item() for n in range(5, 9) if i - n >= 0]
        assert min(abs(p[i - 6] - x) for x in options) < 1e-5
    with pytest.raises(ValueError, match="more than 4 before it"):
        s.char_probabilities(model, ids, first=4, window=8)


def test_fitted_weights_find_what_was_mixed():
    rng = np.random.default_rng(0)
    n, true = 60_000, np.array([0.2, 0.5, 0.9])
    depth = rng.integers(0, 3, n)
    a, b = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    drawn = np.where(rng.random(n) < true[depth], rng.choice(3, n, p=a), rng.choice(3, n, p=b))
    weights = counting.fit_weights(a[drawn], b[drawn], depth, 4)
    np.testing.assert_allclose(weights[:3], true, atol=0.03)
    assert weights[3] == 0.5
    p, q = a[drawn], b[drawn]
    mixture, w = counting.mixed(p, q, depth, weights), weights[depth]
    np.testing.assert_allclose(mixture, w * p + (1 - w) * q)
    for other in (0.0, 0.5, 1.0):
        assert np.log(mixture).mean() > np.log(counting.mixed(p, q, depth, np.full(4, other))).mean()


def test_earlier_and_cache_are_their_definition():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, 60)
    assert counting.earlier(values).tolist() == [int((values[:i] == values[i]).sum()) for i in range(60)]
    ids = rng.integers(0, 3, 80)
    p = rng.uniform(0.1, 0.5, 70)
    weights = [np.linspace(0.1, 0.6, 6), np.linspace(0.2, 0.7, 6)]
    found, same = counting.with_cache(p, ids, 10, 3, weights, lengths=(1, 2))
    assert all(a is b for a, b in zip(same, weights, strict=True))
    for i in range(10, 80):
        slow = p[i - 10]
        for k, w in zip((1, 2), weights, strict=True):
            before = [j for j in range(k, i) if ids[j - k : j].tolist() == ids[i - k : i].tolist()]
            if before:
                share = w[min(int(math.log2(len(before) + 1)), 5)]
                slow = share * sum(ids[j] == ids[i] for j in before) / len(before) + (1 - share) * slow
        assert found[i - 10] == pytest.approx(slow, rel=1e-9)


def test_a_cache_learns_what_repeats():
    ids = np.tile(np.random.default_rng(1).integers(0, 9, 50), 6)
    p = np.full(len(ids) - 60, 1 / 9)
    better, _ = counting.with_cache(p, ids, 60, 9)
    assert -np.log(better).mean() < 0.2 < -np.log(p).mean()


def test_plays_are_held_out_whole():
    plays, letters = s.plays_as_ids()
    train, test = ("".join(letters[i] for i in plays[part].tolist()) for part in ("train", "test"))
    assert "HAMLET" in test and "OPHELIA" not in train and "Elsinore" not in train
    runs = {train[i : i + 50] for i in range(len(train) - 49)}
    assert not any(test[i : i + 50] in runs for i in range(0, len(test) - 50, 7))


def test_save_and_load(tmp_path):
    model = shaken(fast())
    s.save_gpt(model, SIGNS, tmp_path / "new" / "gpt")
    again, letters = s.load_gpt(tmp_path / "new" / "gpt")
    tokens = torch.randint(V, (2, 9))
    assert letters == SIGNS and torch.equal(model(tokens), again(tokens)) and not again.training
    with pytest.raises(ValueError, match="save it there again"):
        s.load_gpt(tmp_path)


# The long script, in processes of its own

SIZES = dict(max_len=16, d_model=16, n_heads=2, n_layers=1, tables=[2, 3], bits=8, d_table=8, table_drop=0.3)


def script(folder, *more, **sizes):
    command = [sys.executable, "-m", "scripts.train_plays", str(folder), "--sizes", json.dumps(SIZES | sizes), "--epochs=3", "--steps=8", "--batch=8"]
    command += ["--n-chars=20000", "--threads=1", *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=600)


def losses(folder):
    logs = [pd.read_csv(path).dropna(subset="train_loss").set_index("step")["train_loss"] for path in sorted(folder.glob("log/*/metrics.csv"))]
    return pd.concat(logs).groupby(level=0).last()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What tests share: an unbroken run."""
    folder = tmp_path_factory.mktemp("plays")
    done = script(folder / "whole")
    assert done.returncode == 0, done.stderr
    return folder


def weights_of(folder):
    return torch.load(folder / "final.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
@pytest.mark.parametrize("at", [5, 11, 16])
def test_killed_and_resumed_is_unbroken(runs, tmp_path, at):
    folder = tmp_path / "killed"
    assert script(folder, f"--kill-at={at}").returncode == -9
    assert not (folder / "final.ckpt").exists()
    done = script(folder, *(["--resume"] if (folder / "last.ckpt").exists() else []))
    assert done.returncode == 0, done.stderr
    a, b = weights_of(runs / "whole"), weights_of(folder)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert losses(runs / "whole").equals(losses(folder))


@pytest.mark.slow
def test_two_processes_have_the_loss_of_one(tmp_path):
    for name, more in (("one", []), ("two", ["--devices=2", "--strategy=ddp"])):
        done = script(tmp_path / name, *more, table_drop=0.0)
        assert done.returncode == 0, done.stderr
    a, b = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(a) == len(b) == 24 and (a - b).abs().max() < 1e-3
    assert a.iloc[0] - a.iloc[-1] > 0.1  # it learned something, so that equal is not trivially equal


def test_one_sentence_where_nothing_can_be_resumed(tmp_path):
    done = script(tmp_path, "--resume")
    assert done.returncode == 1 and "start without --resume" in done.stderr and "Traceback" not in done.stderr


def test_the_committed_figures_meet_the_bar():
    file = json.loads((ROOT / "benchmarks/results/nb18_file.json").read_text())
    tables = {t["order"]: t["validation"] for t in file["tables"]}
    best = [run for run in file["runs"] if run["row"] == "+ tables"]
    assert len(best) >= 3 and all(run["validation"] <= 1.60 for run in best)
    assert np.mean([run["validation"] for run in best]) < tables[5]
    assert all(1.83 < run["validation"] < 1.93 for run in file["runs"] if run["row"] == "recipe")  # nanoGPT's README: 1.88
    plays = json.loads((ROOT / "benchmarks/results/nb18_shakespeare.json").read_text())
    assert {run["seed"] for run in plays["runs"]} >= {0, 1}
    for run in (run for run in plays["runs"] if run["row"] == "+ tables"):
        assert run["validation_mixed"] < min(t["validation"] for t in plays["tables"])
