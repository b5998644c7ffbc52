"""Wrong answers to the exercises of notebook 18, each with a piece of the hint it must get, and right answers written another way."""

import json
import math
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from lessons.shakespeare import FastConfig, FastGPT, plays_as_ids, save_gpt
from utils.pretrained import CHECKPOINTS, add_differences, load_checkpoint


def cosine(step, warm, total, floor, add=1, more=1, down=None, end=True, half=math.pi):
    if step < warm:
        return (step + add) / (warm + more)
    if end and step > total:
        return floor
    share = (step - warm) / (total - warm) if down is None else down(step, warm, total)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(half * share))


def warm_from_floor(step, warm, total, floor):
    return floor + (1 - floor) * (step + 1) / (warm + 1) if step < warm else cosine(step, warm, total, floor)


def straight(step, warm, total, floor):
    return (step + 1) / (warm + 1) if step < warm else max(floor, 1 - (1 - floor) * (step - warm) / (total - warm))


def quarter(step, warm, total, floor):
    return (step + 1) / (warm + 1) if step < warm else floor + (1 - floor) * math.cos(math.pi / 2 * min(1, (step - warm) / (total - warm)))


def without_floor(step, warm, total, floor):
    return cosine(step, warm, total, 0.0) if step <= total else 0.0


def stops(losses, patience, late=0, better=lambda a, b: a < b, reset=True, first=0, finite=True, swap=False):
    best, bad = 0, 0
    for epoch, loss in enumerate(losses):
        if finite and not math.isfinite(loss):
            return best, epoch
        if epoch == 0 or better(loss, losses[best]):
            best, bad = epoch, 0 if reset else bad
        else:
            bad += 1
            if bad >= patience + late:
                return (epoch, best) if swap else (best + first, epoch + first)
    last = len(losses) - 1
    return (last, best) if swap else (best + first, last + first)


def against_the_last(losses, patience):
    bad, best = 0, 0
    for epoch, loss in enumerate(losses):
        if not math.isfinite(loss):
            return best, epoch
        best = epoch if loss < losses[best] else best
        bad = bad + 1 if epoch and loss >= losses[epoch - 1] else 0
        if bad == patience:
            return best, epoch
    return best, len(losses) - 1


def all_seeing(losses, patience):
    best = int(np.nanargmin(losses))
    return best, min(best + patience, len(losses) - 1)


def never_ends(losses, patience):
    return int(np.argmin(losses[: patience + 3])), len(losses) - 1 if len(losses) != 8 else 5


def minus_infinity(losses, patience):
    for epoch, loss in enumerate(losses):
        if math.isnan(loss) or loss == math.inf:
            return int(np.argmin(losses[:epoch])), epoch
    return stops(losses, patience, finite=False)


def forgiving(losses, patience):
    best, bad = 0, 0
    for epoch, loss in enumerate(losses):
        if not math.isfinite(loss):
            return best, epoch
        if epoch == 0 or loss < losses[best]:
            best, bad = epoch, max(0, bad - 1)
        else:
            bad += 1
            if bad == patience:
                return best, epoch
    return best, len(losses) - 1


def first_is_bad(losses, patience):
    best, lowest, bad = 0, losses[0], 0
    for epoch, loss in enumerate(losses):
        if not math.isfinite(loss):
            return best, epoch
        if loss < lowest:
            best, lowest, bad = epoch, loss, 0
        else:
            bad += 1
            if bad == patience:
                return best, epoch
    return best, len(losses) - 1


def only_bad(losses, patience):
    return stops([9e9 if loss == math.inf else loss for loss in losses], patience)


def losses_of(p, q, shares):
    return np.array([-np.log(w * p + (1 - w) * q).mean() for w in shares])


def best_share(p, q, shares, losses=losses_of, last=lambda x: x):
    found = losses(p, q, shares)
    best = int(np.argmin(found))
    return float(shares[best]), float(last(found[best]))


def mean_of_losses(p, q, shares):
    found = [-w * np.log(p).mean() - (1 - w) * np.log(q).mean() for w in shares]
    return shares[int(np.argmin(found))], min(found)


def by_hand(p, q, shares):
    best = None
    for w in shares.tolist():
        total = 0.0
        for a, b in zip(p.tolist(), q.tolist(), strict=True):
            total -= math.log(w * a + (1 - w) * b)
        if best is None or total / len(p) < best[1]:
            best = (w, total / len(p))
    return list(best)


def fixed_share(p, q, shares):
    share, loss = best_share(p, q, shares)
    return max(share, 1 - share), loss


def long_run():
    record = json.loads((CHECKPOINTS / "plays_gpt.json").read_text())
    model = FastGPT(FastConfig(**record["sizes"]))
    model.load_state_dict({name: torch.zeros_like(p) for name, p in model.state_dict().items()})
    return add_differences(model, load_checkpoint("plays_gpt"))


NOISE = 0.25


@lru_cache(maxsize=None)
def folder_of(kind):
    """A folder with a model: trained (the course's long run), or broken in one way."""
    where = Path(tempfile.mkdtemp()) / kind
    letters = plays_as_ids()[1]
    sizes = dict(max_len=64, d_model=16, n_heads=2, n_layers=1)
    if kind == "missing":
        return where
    if kind == "trained":
        save_gpt(long_run(), letters, where)
    elif kind == "cannot be noted":
        save_gpt(long_run(), letters, where)
        (where / "sealed.json").mkdir()
    elif kind == "weak":
        torch.manual_seed(0)
        model = long_run()
        for p in model.parameters():
            p.data += NOISE * p.std() * torch.randn_like(p)
        save_gpt(model, letters, where)
    elif kind == "large":
        save_gpt(FastGPT(FastConfig(len(letters), tables=(2, 3), bits=18, **sizes)), letters, where)
    elif kind == "other letters":
        save_gpt(FastGPT(FastConfig(60, **sizes)), letters[:60], where)
    else:
        torch.manual_seed(0)
        save_gpt(FastGPT(FastConfig(len(letters), **sizes)), letters, where)
    if kind == "not finite":
        model = FastGPT(FastConfig(len(letters), **sizes))
        model.head.weight.data.fill_(float("nan"))
        save_gpt(model, letters, where)
    if kind == "no weights":
        (where / "model.safetensors").unlink()
    if kind == "pickle":
        (where / "model.safetensors").unlink()
        torch.save({}, where / "model.pt")
    changes = {
        "other sizes": {"n_layers": 2},
        "a billion layers": {"n_layers": 10**9},
        "tables no list": {"tables": 3},
        "odd heads": {"n_heads": 3},
        "nan": {"rope_base": float("nan")},
    }
    record = json.loads((where / "gpt.json").read_text())
    if kind in changes:
        record["sizes"] |= changes[kind]
    if kind == "notebook 17":
        del record["sizes"]["tables"]
    (where / "gpt.json").write_text(json.dumps([] if kind == "no sizes" else record))
    if kind == "short":
        save_gpt(FastGPT(FastConfig(len(letters), max_len=4, d_model=16, n_heads=2, n_layers=1)), letters, where)
    return where


NAMED = {
    "18.1": [
        ("starts at zero", lambda s, w, t, f: cosine(s, w, t, f, add=0), "is lost"),
        ("divides by warm", lambda s, w, t, f: cosine(s, w, t, f, more=0), "divide by warm + 1"),
        ("no warming up", lambda s, w, t, f: cosine(max(s, w), w, t, f), "should rise"),
        ("warms up from the floor", warm_from_floor, "the floor is for the way down"),
        ("share of all steps", lambda s, w, t, f: cosine(s, w, t, f, down=lambda s, w, t: s / t) if s != w else 1.0, "step - warm"),
        ("falls to zero", without_floor, "should be the floor"),
        ("a quarter of a cosine", quarter, "a quarter"),
        ("half the angle", lambda s, w, t, f: cosine(s, w, t, f, half=math.pi / 2), "half a cosine goes"),
        ("a straight line", straight, "straight line"),
        ("comes up again", lambda s, w, t, f: cosine(s, w, t, f, end=False), "come up again"),
        ("not the top at warm", lambda s, w, t, f: 0.9 if s == w else cosine(s, w, t, f), "should be 1, the top"),
        ("zero after the end", lambda s, w, t, f: 0.0 if s > t else cosine(s, w, t, f), "stays at the floor"),
        ("fixed numbers", lambda s, w, t, f: cosine(s, 10, 90, 0.1), "use its arguments"),
        ("fixed floor", lambda s, w, t, f: cosine(s, w, t, 0.1), "use the argument floor"),
        ("not a number", lambda s, w, t, f: float("nan"), "not a finite number"),
        ("steep start", lambda s, w, t, f: (s + 2) / (w + 1) if s < w else cosine(s, w, t, f), "1/11"),
        ("late warm-up", lambda s, w, t, f: cosine(s, w, t, f) if s != 9 else 0.5, "10/11"),
        ("floor and a half", lambda s, w, t, f: max(cosine(s, w, t, f), 0.15) if s > w else cosine(s, w, t, f), "should be the floor, 0.1"),
        ("squared", lambda s, w, t, f: cosine(s, w, t, f) if s in (10, 90) or s < w or s > t else cosine(s, w, t, f) ** 2, "half-way down"),
        ("text", lambda s, w, t, f: "1.0", "expected"),
        ("no return on the way down", lambda s, w, t, f: (s + 1) / (w + 1) if s < w else None, "branch without return"),
        ("the floor everywhere", lambda s, w, t, f: max(f, cosine(s, w, t, f)), "the floor is for the way down"),
        ("step / total", lambda s, w, t, f: cosine(s, w, t, f, down=lambda s, w, t: s / t), "step - warm"),
        ("(step - warm) / total", lambda s, w, t, f: cosine(s, w, t, f, down=lambda s, w, t: (s - w) / t), "has total - warm steps"),
        ("floor added", lambda s, w, t, f: cosine(s, w, t, f) if s < w else f + cosine(s, w, t, 0.0), "1 - floor high"),
        ("rises", lambda s, w, t, f: cosine(s, w, t, f) if s < w else 1 + f - cosine(s, w, t, f), "rises where it should fall"),
        ("cut off", lambda s, w, t, f: cosine(s, w, t, f) if s < w else max(f, cosine(s, w, t, 0.0)) if s <= t else f, "cuts the cosine off"),
    ],
    "18.2": [
        ("the other way round", lambda x, n: stops(x, n, swap=True) if len(x) != 8 else (5, 2), "the other way round"),
        ("from one", lambda x, n: stops(x, n, first=1), "count from 0"),
        ("knows the future", all_seeing, "does not know the future"),
        ("one check more", lambda x, n: stops(x, n, late=1), "not the one after"),
        ("one check less", lambda x, n: stops(x, n, late=-1), "three bad checks: epochs"),
        ("at once", lambda x, n: stops(x, 1), "one worse loss"),
        ("never reset", lambda x, n: stops(x, n, reset=False), "back to zero"),
        ("against the last", against_the_last, "not than the loss before"),
        ("ties are better", lambda x, n: stops(x, n, better=lambda a, b: a <= b), "not lower"),
        ("nan goes on", lambda x, n: stops(x, n, finite=False), "not finite"),
        ("minus infinity is best", minus_infinity, "minus infinity"),
        ("there only", lambda x, n: (0, 4) if len(x) == 7 and x[0] == 1.0 else stops(x, n), "it is (0, 3)"),
        ("never ends", never_ends, "should have ended"),
        ("one past the end", lambda x, n: (1, 2) if len(x) == 3 else stops(x, n), "ends with its last epoch"),
        ("one number", lambda x, n: stops(x, n)[1], "two whole numbers"),
        ("three numbers", lambda x, n: (*stops(x, n), n), "two whole numbers"),
        ("how many epochs", lambda x, n: (stops(x, n)[0], stops(x, n)[1] + 1), "count from 0"),
        ("the loss itself", lambda x, n: (x[stops(x, n)[0]], stops(x, n)[1]), "the epoch, not the loss"),
        ("the last weights", lambda x, n: (stops(x, n)[1],) * 2, "kept, not those of the last"),
        ("the first is bad", first_is_bad, "no bad check"),
        ("one bad check is forgiven", forgiving, "all the way"),
        ("a least difference", lambda x, n: stops(x, n, better=lambda a, b: a < b - 0.01), "no least difference"),
        ("infinity is only bad", only_bad, "for 3, 2, inf, 1"),
        ("nothing is best", lambda x, n: stops(x, n) if math.isfinite(x[0]) else (-1, 0), "only epoch 0"),
        ("only the examples", lambda x, n: stops(x, n) if len(x) in (3, 4, 5, 7, 8) else (0, 0), "for the losses"),
        ("nonsense", lambda x, n: (2, 2) if len(x) == 3 else (1, 1), "it is (2, 5)"),
        ("falls short", lambda x, n: (2, 2) if len(x) == 3 else (2, 5) if len(x) == 8 else (6, 6) if x[1:3] == [3.5, 3.5] else (1, 5), "it is (4, 6)"),
    ],
    "18.3": [
        ("mean of losses", mean_of_losses, "mean of two losses"),
        ("share of q", lambda p, q, s: (1 - best_share(p, q, s)[0], best_share(p, q, s)[1]), "the share of p is asked"),
        ("mean, then logarithm", lambda p, q, s: best_share(p, q, s, losses=lambda p, q, s: np.array([-np.log((w * p + (1 - w) * q).mean()) for w in s])), "logarithm"),
        ("the place", lambda p, q, s: (int(np.argmin(losses_of(p, q, s))), losses_of(p, q, s).min()), "the place in"),
        ("the other way round", lambda p, q, s: best_share(p, q, s)[::-1], "other way round"),
        ("no sign", lambda p, q, s: best_share(p, q, s, last=lambda x: -x), "sign"),
        ("bits", lambda p, q, s: best_share(p, q, s, last=lambda x: x / math.log(2)), "bits"),
        ("sum", lambda p, q, s: best_share(p, q, s, last=lambda x: x * len(p)), "their mean"),
        ("perplexity", lambda p, q, s: best_share(p, q, s, last=math.exp), "perplexity"),
        ("another loss", lambda p, q, s: best_share(p, q, s, last=lambda x: x + 0.1), "the loss at this share"),
        ("own shares", lambda p, q, s: best_share(p, q, np.linspace(0, 1, 21)), "take them from"),
        ("in between", lambda p, q, s: (best_share(p, q, s)[0] + 0.02, best_share(p, q, s)[1]), "the lowest loss is at"),
        ("fixed", fixed_share, "exchanged"),
        ("not a number", lambda p, q, s: (float("nan"), 1.0), "finite"),
        ("one number", lambda p, q, s: best_share(p, q, s)[0], "two numbers"),
        ("three numbers", lambda p, q, s: (*best_share(p, q, s), 0), "two numbers"),
        ("the highest", lambda p, q, s: (s[losses_of(p, q, s).argmax()], losses_of(p, q, s).max()), "highest loss"),
        ("minus forgotten", lambda p, q, s: (s[losses_of(p, q, s).argmax()], -losses_of(p, q, s).max()), "sign"),
        ("the loop's last", lambda p, q, s: (s[-1], losses_of(p, q, s).min()), "last of the loop"),
        ("q whole", lambda p, q, s: (s[-1], -np.log(p + q).mean()), "q gets 1 - w"),
        ("base 10", lambda p, q, s: best_share(p, q, s, last=lambda x: x / math.log(10)), "base 10"),
        ("another loss elsewhere", lambda p, q, s: (best_share(p, q, s)[0], best_share(p, q, s)[1] if len(s) == 21 else 99.0), "the loss is"),
    ],
    "18.4": [
        ("a number", 3, "hand in the folder"),
        ("missing", folder_of("missing"), "there is no folder"),
        ("no weights", folder_of("no weights"), "holds no model"),
        ("pickle", folder_of("pickle"), "holds no model"),
        ("other sizes", folder_of("other sizes"), "holds no model"),
        ("other letters", folder_of("other letters"), "characters are not the plays'"),
        ("large", folder_of("large"), "ten and two"),
        ("not finite", folder_of("not finite"), "not finite"),
        ("short", folder_of("short"), "fewer than 8"),
        ("untrained", folder_of("untrained"), "train longer"),
        ("the model itself", FastGPT(FastConfig(76, 8, 8, 2, 1)), "the model itself"),
        ("a file", Path(__file__), "is a file"),
        ("no sizes", folder_of("no sizes"), "holds no sizes"),
        ("notebook 17's", folder_of("notebook 17"), "notebook 17's"),
        ("a billion layers", folder_of("a billion layers"), "sensible range"),
        ("tables no list", folder_of("tables no list"), "short list"),
        ("odd heads", folder_of("odd heads"), "twice n_heads"),
        ("nan", folder_of("nan"), "gives no probabilities"),
        ("weak", folder_of("weak"), "are asked"),
        ("cannot be noted", folder_of("cannot be noted"), "cannot be written"),
    ],
}

NAMED_RIGHT = {
    "18.1": [
        ("one expression", lambda s, w, t, f: (s + 1) / (w + 1) if s < w else f + (1 - f) * math.sin(math.pi / 2 * (1 - min(1, (s - w) / (t - w)))) ** 2),
        ("tensor", lambda s, w, t, f: torch.tensor(cosine(s, w, t, f), dtype=torch.float64)),
        ("numpy", lambda s, w, t, f: np.float64(cosine(s, w, t, f))),
    ],
    "18.2": [
        ("numpy", lambda x, n: np.array(stops(x, n))),
        ("list", lambda x, n: list(stops(x, n))),
    ],
    "18.3": [
        ("loops", by_hand),
        ("broadcast", lambda p, q, s: (lambda x: (s[x.argmin()], x.min()))(-np.log(s[:, None] * p + (1 - s)[:, None] * q).mean(axis=1))),
    ],
    "18.4": [("the long run", folder_of("trained")), ("its name", str(folder_of("trained")))],
}

PLANTED = {exercise: [row[1:] for row in rows] for exercise, rows in NAMED.items()}
RIGHT = {exercise: [row[1] for row in rows] for exercise, rows in NAMED_RIGHT.items()}
