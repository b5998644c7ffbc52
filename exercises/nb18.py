"""Checks and quiz of notebook 18, a GPT on the plays."""

import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from lessons.counting import KneserNey
from lessons.shakespeare import char_probabilities, load_gpt, plays_as_ids
from utils.checks import Hint, NotAttempted, Question, call, cast, describe, expect
from utils.data import sha256

FIRST, ON_MACBETH, ON_HAMLET, WORST, GAIN, LARGEST, LARGEST_REST = 64, 20_000, 40_000, 1.85, 0.035, 10_000_000, 2_000_000


def _again(answer, *args, hint, **kwargs):
    """``call``, for a case after the first: where nothing comes back then, that is a mistake, and no missing attempt."""
    try:
        return call(answer, *args, **kwargs)
    except NotAttempted:
        raise Hint(f"{hint} your function returns nothing: a branch without return?") from None


def check_1(answer):
    """one number, the factor of the rate"""

    def wave(share):
        return 0.5 * (1 + math.cos(math.pi * share))

    def near(a, b):
        return math.isclose(a, b, abs_tol=5e-4)

    call(answer, 0, 10, 90, 0.2, kind=float, gives="one number, the factor of the rate")

    def at(step, warm=10, total=90, floor=0.1):
        gives = "one number, the factor of the rate"
        value = _again(answer, step, warm, total, floor, kind=float, gives=gives, hint=f"at step {step} (warm {warm}, total {total})")
        expect(math.isfinite(value), f"at step {step} of {total} your factor is not a finite number")
        return value

    first = at(0, floor=0.2)
    expect(first > 0, "the first step has factor 0 and is lost: it should have 1 / (warm + 1), with / and not //")
    expect(
        not near(first, 1 / 10),
        "divide by warm + 1: the last warming step, warm - 1, is just below 1, and step warm has 1",
    )
    expect(first < 0.5, f"in the first steps the rate should rise from a small factor; at step 0 yours is {first:.3f}")
    expect(
        not near(first, 0.2 + 0.8 / 11) and not near(first, 0.2),
        "the floor is for the way down: while warming up the factor is (step + 1) / (warm + 1), however small",
    )
    expect(near(first, 1 / 11), f"at step 0 with warm 10 the factor should be 1/11, yours is {first:.4f}")
    expect(near(at(9), 10 / 11), f"at step 9 with warm 10 the factor should be 10/11, yours is {at(9):.4f}")
    top, middle, quarter, end = at(10), at(50), at(30), at(90)
    expect(
        not near(top, 0.1 + 0.9 * wave(10 / 90)) and not near(middle, 0.1 + 0.9 * wave(50 / 90)),
        "the way down begins at step `warm`: its share is (step - warm) / (total - warm), not step / total",
    )
    expect(
        not near(end, 0.1 + 0.9 * wave(80 / 90)),
        "the way down has total - warm steps: divide step - warm by that, not by total",
    )
    expect(top < 1.0005, f"at step `warm` the factor should be 1; yours is {top:.2f}: what comes down from 1 to the floor is 1 - floor high, and halved")
    expect(not near(top, 0.1), "this rises where it should fall: half a cosine is (1 + cos) / 2, from 1 down to 0")
    expect(near(top, 1), f"at step `warm` the factor should be 1, the top; yours is {top:.4f}")
    expect(
        not (near(middle, 0.5) and near(end, 0.1)),
        "the floor cuts the cosine off; it should be scaled, so that it comes down from 1 to the floor: floor + (1 - floor) times half a cosine",
    )
    expect(
        end > 0.05,
        f"at step `total` the factor should be the floor, 0.1; yours is {end:.3f}: the cosine falls from 1 to the floor, not to 0 or below",
    )
    expect(
        not near(end, 0.55) and not near(middle, 0.1 + 0.9 * math.cos(math.pi / 4)),
        "half a cosine goes from cos 0 to cos pi; a quarter (to pi / 2) falls slowly first and has no flat end",
    )
    expect(near(end, 0.1), f"at step `total` the factor should be the floor, 0.1; yours is {end:.4f}")
    expect(not near(quarter, 1 - 0.9 * 20 / 80), "this falls in a straight line; the plan follows half a cosine")
    expect(
        near(middle, 0.55) and near(quarter, 0.1 + 0.9 * wave(0.25)),
        f"half-way down the factor should be (1 + floor) / 2 = 0.55, a quarter down 0.868; yours are {middle:.4f} and {quarter:.4f}",
    )
    after = at(130)
    expect(not near(after, at(50)), "after `total` the cosine must not come up again: the factor stays at the floor")
    expect(near(after, 0.1), f"after `total` the factor stays at the floor, 0.1; at step 130 yours is {after:.4f}")
    other = at(3, 5, 20, 0.0)
    expect(near(other, 4 / 6), "with other values of warm, total and floor your function gives the same: use its arguments")
    expect(near(at(20, 5, 20, 0.0), 0), "with floor 0 the factor at step `total` should be 0: use the argument floor")


def _stops_slowly(losses, patience):
    """(best, end) by the definition."""
    for end in range(len(losses)):
        if not math.isfinite(losses[end]):
            return (min(range(end), key=lambda i: (losses[i], i)) if end else 0), end
        best = min(range(end + 1), key=lambda i: (losses[i], i))
        if end - best == patience:
            return best, end
    return min(range(len(losses)), key=lambda i: (losses[i], i)), len(losses) - 1


def check_2(answer):
    """two whole numbers: (epoch of the best loss, epoch after which the run ends)"""
    wanted = "two whole numbers: (epoch of the best loss, epoch after which the run ends)"

    def of(losses, patience):
        out = _again(answer, list(losses), patience, hint=f"for {losses} and patience {patience}")
        items = cast(out, list, wanted)
        expect(len(items) == 2, f"return {wanted}")
        return tuple(cast(x, int, f"{wanted}; the epoch, not the loss") for x in items)

    call(answer, [3.1, 2.1], 2)
    falling = of([3.1, 2.1, 1.1], 2)
    expect(falling != (3, 3) and falling != (2, 3), "epochs count from 0, as the list does: the last of three is 2")
    expect(falling == (2, 2), f"a run that is never stopped ends with its last epoch: for 3.1, 2.1, 1.1 it is (2, 2); yours is {falling}")
    slow = of([1.0, 3.0, 2.5, 2.0, 1.5, 1.2, 1.1], 3)
    expect(
        slow != (0, 6),
        "for 1, 3, 2.5, 2, 1.5 … and patience 3 the run should have ended after epoch 3: a check is bad that is not lower than the best so far, "
        "not than the loss before",
    )
    plain = of([3.1, 2.1, 1.1, 1.6, 1.5, 1.4, 1.2, 0.5], 3)
    expect(plain != (5, 2), "the other way round: first the epoch of the best loss, then the epoch after which the run ends")
    expect(
        plain[0] != 7,
        "the run does not know the future: after three bad checks, at epoch 5, it ends; the 0.5 of epoch 7 is never reached",
    )
    expect(plain != (2, 6), "patience 3 means: the third bad check ends the run, not the one after it")
    expect(
        plain != (2, 4),
        "patience 3 means three bad checks: epochs 3, 4 and 5 are worse than the best, so the run ends after 5",
    )
    expect(plain[1] != 3, "one worse loss is not enough to end the run: wait until there are `patience` bad checks")
    expect(plain != (5, 5), "the weights of the best epoch are kept, not those of the last")
    expect(
        not (slow == (0, 2) and plain == (2, 5)),
        "the first epoch has nothing before it and is the best so far: it is no bad check",
    )
    expect(plain == (2, 5), f"for the losses 3.1, 2.1, 1.1, 1.6, 1.5, 1.4, 1.2, 0.5 and patience 3 it is (2, 5); yours is {plain}")
    zero = "a better loss sets the count of bad checks back to zero: `patience` counts bad checks in a row"
    reset = of([3.0, 3.5, 2.9, 3.5, 2.8, 3.5, 3.6], 2)
    expect(reset != (2, 3), zero)
    expect(of([3, 3.5, 3.5, 2, 2.5, 2.5, 1], 3) == (6, 6), f"{zero}, all the way")
    expect(reset == (4, 6), f"for 3, 3.5, 2.9, 3.5, 2.8, 3.5, 3.6 and patience 2 it is (4, 6); yours is {reset}")
    expect(slow == (0, 3), f"for 1, 3, 2.5, 2, 1.5, 1.2, 1.1 and patience 3 it is (0, 3); yours is {slow}")
    tie = of([2.0, 1.0, 1.0, 1.0, 1.0], 2)
    expect(
        tie == (1, 3),
        "an equal loss is not lower: it counts as bad, and the best stays where it was first reached; "
        f"for 2, 1, 1, 1, 1 and patience 2 it is (1, 3), yours is {tie}",
    )
    little = of([2.0, 1.999, 1.998, 1.997, 1.996], 2)
    expect(little == (4, 4), "however little lower, lower is lower: no least difference is asked for")
    nan, inf = float("nan"), float("inf")
    for name, value in (("nan", nan), ("inf", inf)):
        broken = of([3.0, 2.0, value, 1.0], 5)
        expect(broken == (1, 2), f"a loss that is not finite ends the run at once, after its own epoch: for 3, 2, {name}, 1 it is (1, 2); yours is {broken}")
    endless = of([3.0, 2.0, -inf, 1.0], 5)
    expect(endless == (1, 2), "minus infinity is not a good loss: whatever is not finite ends the run at once")
    at_once = of([nan, 1.0], 5)
    expect(at_once == (0, 0), f"where the very first loss is not finite there is only epoch 0: (0, 0); yours is {at_once}")
    rng = np.random.default_rng(0)
    for _ in range(60):
        losses, patience = (rng.integers(0, 9, size=rng.integers(1, 12)) / 4).tolist(), int(rng.integers(1, 5))
        found, right = of(losses, patience), _stops_slowly(losses, patience)
        expect(found == right, f"for the losses {losses} and patience {patience} it is {right}; yours is {found}")


def check_3(answer):
    """two numbers: (the share of p, the loss in nats)"""
    rng = np.random.default_rng(0)
    p, q = rng.beta(0.6, 0.8, 400).clip(1e-4), rng.beta(0.8, 1.6, 400).clip(1e-4)
    shares = np.linspace(0, 1, 21)

    def near(a, b):
        return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5)

    def of(p, q, shares):
        items = cast(_again(answer, p, q, shares, hint="with other shares"), list, "two numbers: (the share of p, the loss in nats)")
        expect(len(items) == 2, "return two numbers: (the share of p, the loss in nats)")
        return tuple(cast(x, float, "two numbers: (the share of p, the loss in nats)") for x in items)

    def losses_of(p, q, shares):
        return np.array([-np.log(w * p + (1 - w) * q).mean() for w in shares])

    losses = losses_of(p, q, shares)
    best, least = int(losses.argmin()), float(losses.min())
    call(answer, p, q, shares)
    share, loss = of(p, q, shares)
    expect(not (near(share, least) and near(loss, shares[best])), "the other way round: first the share, then the loss")
    expect(math.isfinite(share) and math.isfinite(loss), "share and loss should be finite numbers")
    expect(not near(loss, -losses.max()) and not near(loss, -least), "a loss is minus the mean of ln: the sign is missing")
    expect(not near(loss, losses.max()), "this is the highest loss of all shares; the lowest is asked for")
    expect(not (near(share, shares[-1]) and near(loss, least)), "the loss is right, the share is the last of the loop: note it where the loss is lowest")
    apart = np.array([-(w * np.log(p) + (1 - w) * np.log(q)).mean() for w in shares])
    expect(
        not near(loss, apart.min()),
        "this is the mean of two losses, which is no mixture: mix w p + (1 - w) q, take the logarithm of each, then the mean",
    )
    joint = np.array([-np.log((w * p + (1 - w) * q).mean()) for w in shares])
    expect(not near(loss, joint.min()), "this is the logarithm of a mean: take the logarithm of each character's probability first, then the mean")
    expect(not near(loss, -np.log(p + q).mean()), "w p + q is more than a probability: q gets 1 - w")
    expect(not near(share, 1 - shares[best]), "the share of p is asked: in w p + (1 - w) q the w belongs to p")
    expect(best in (0, 1) or not near(share, best), "this is the place in `shares`: return the share itself")
    expect(
        near(share, shares[best]),
        f"the lowest loss is at {shares[best]:.2f} of these {len(shares)} shares; yours is {share:.3f}. Mix the probabilities, take logarithms, then the mean",
    )
    expect(not near(loss, least / math.log(2)), "this is in bits: nats come from the natural logarithm")
    expect(not near(loss, least / math.log(10)), "this is with logarithms to base 10: nats come from the natural logarithm")
    expect(not near(loss, least * 400), "the sum over the characters: the loss is their mean")
    expect(not near(loss, math.exp(least)) and not near(loss, math.exp(-least)), "this is the perplexity, exp of the loss, or one over it; the loss itself is asked for")
    expect(near(loss, least), f"the loss at this share is {least:.4f}; yours is {loss:.4f}")
    few = np.array([0.9, 0.2, 0.6])
    right = losses_of(p, q, few)
    found = of(p, q, few)
    expect(near(found[0], few[right.argmin()]), "with the shares 0.9, 0.2, 0.6 another one comes out: take them from `shares`, in any order")
    expect(near(found[1], right.min()), f"with the shares 0.9, 0.2, 0.6 the loss is {right.min():.4f}; yours is {found[1]:.4f}")
    swapped = of(q, p, shares)
    expect(
        near(swapped[0], 1 - shares[best]) and near(swapped[1], least),
        "with p and q exchanged the share should be one minus the first, the loss the same: is there something fixed in your function?",
    )


@lru_cache(maxsize=1)
def _counted():
    """(Macbeth's ids, Hamlet's ids), and the probabilities of a 7-gram for both."""
    plays, letters = plays_as_ids()
    parts = [plays["validation"][:ON_MACBETH], plays["test"][:ON_HAMLET]]
    table = KneserNey(plays["train"].numpy(), len(letters), 7)
    return parts, [table.probabilities(ids.numpy(), FIRST) for ids in parts]


def _expect_sizes(folder: Path) -> None:
    """Hints for a gpt.json that nothing could be built from; a missing file is load_gpt's to name."""
    try:
        record = json.loads((folder / "gpt.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    expect(isinstance(record, dict) and isinstance(record.get("sizes"), dict), "gpt.json holds no sizes: save the model again with save_gpt")
    sizes, letters = record["sizes"], record.get("letters")
    expect("tables" in sizes, "this is notebook 17's GPT; the check reads a FastGPT: give tables=(), if you want none")
    names = ("vocab_size", "max_len", "d_model", "n_heads", "n_layers")
    expect(
        all(isinstance(sizes.get(name), int) and 0 < sizes[name] < 10_000 for name in names) and sizes["n_layers"] <= 64,
        "gpt.json has sizes that are no whole numbers in a sensible range: save the model again with save_gpt",
    )
    expect(isinstance(sizes["tables"], list) and len(sizes["tables"]) <= 12, "the tables in gpt.json are no short list of lengths")
    expect(sizes["d_model"] % (2 * sizes["n_heads"]) == 0, "d_model must be divisible by twice n_heads: positions turn pairs of features")
    ours = plays_as_ids()[1]
    expect(
        letters == ours,
        f"the model's characters are not the plays': save the list `letters` of this page with it ({len(ours)} characters, in order)",
    )


def check_4(answer):
    """the folder that save_gpt wrote, as a path or its name"""
    expect(not isinstance(answer, torch.nn.Module), "this is the model itself: save it with save_gpt and hand in the folder")
    answer = call(answer) if callable(answer) else answer
    expect(isinstance(answer, (str, Path)) and str(answer).strip(), f"hand in the folder of your model, a path; got {describe(answer)}")
    folder = Path(answer).expanduser()
    expect(not folder.is_file(), f"{folder.name!r} is a file: hand in the folder that it lies in")
    expect(folder.is_dir(), f"there is no folder {folder.name[:60]!r}: save your model with save_gpt(model, letters, folder)")
    _expect_sizes(folder)
    try:
        model = load_gpt(folder)[0].float()
    except ValueError as error:
        expect(False, str(error).replace(str(folder), folder.name))
    n, rest = (sum(p.numel() for name, p in model.named_parameters() if all_of or not name.startswith("tables.")) for all_of in (True, False))
    expect(
        n <= LARGEST and rest <= LARGEST_REST,
        f"the model has {n / 1e6:.1f} million parameters, {rest / 1e6:.1f} of them outside the tables; ten and two million are allowed",
    )
    expect(all(p.isfinite().all() for p in model.parameters()), "some weights are not finite: the training blew up; try a lower rate")
    window = min(model.config.max_len, FIRST)
    expect(window >= 8, "a model that sees fewer than 8 characters cannot be scored here")
    (macbeth, hamlet), (q, q_test) = _counted()
    p = char_probabilities(model, macbeth, FIRST, window)
    loss = float(-np.log(p).mean())
    expect(math.isfinite(loss), "the model gives no probabilities on Macbeth: is there a size in gpt.json that it was not trained with?")
    expect(loss < WORST, f"{loss:.2f} nats on Macbeth, {WORST} or less is asked: train longer. Hamlet stays shut")
    shares = np.linspace(0, 1, 21)
    share = shares[int(np.argmin([-np.log(w * p + (1 - w) * q).mean() for w in shares]))]
    p_test = char_probabilities(model, hamlet, FIRST, window)
    alone, table, both = (float(-np.log(x).mean()) for x in (p_test, q_test, share * p_test + (1 - share) * q_test))
    looks = _look(folder)
    once = "Hamlet was opened for the first time from this folder." if looks == 1 else f"Hamlet was opened for {looks} models of this folder: it is a second Macbeth now, no test."
    scores = f"Macbeth {loss:.3f}. On Hamlet your GPT has {alone:.3f}, the 7-gram {table:.3f}, both mixed (weight {share:.2f}) {both:.3f} nats a character."
    expect(table - both >= GAIN, f"{scores} Mixed, {GAIN} nats less than the 7-gram's are asked. {once}")
    return f"{scores} {once}"


def _look(folder: Path) -> int:
    """Notes in sealed.json that Hamlet was opened for these weights; returns for how many different weights it was."""
    path, seen = folder / "sealed.json", []
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        seen = [x for x in noted if isinstance(x, str)] if isinstance(noted, list) else []
    except (OSError, ValueError, RecursionError):
        pass
    now = sha256(folder / "model.safetensors")
    seen += [now] if now not in seen else []
    try:
        path.write_text(json.dumps(seen), encoding="utf-8")
    except OSError as error:
        expect(False, f"{path.name} cannot be written into the folder ({type(error).__name__}), and Hamlet is opened only where that is noted")
    return len(seen)


QUIZ = [
    Question(
        "A GPT has 1.55 nats a character on a text, a 5-gram 1.57. What should one ask first?",
        right="what a 7-gram has there",
        why="the strongest cheap rival counts, and on the plays two more characters are worth more than the difference between these two",
        wrong={
            "how many parameters the GPT has": "that says what it cost, not whether counting would have done",
            "whether the GPT was trained for long enough": "perhaps it was not; the rival was not at its best either, and that is quicker to mend",
            "what the loss is in bits": "both would be divided by the same number",
        },
    ),
    Question(
        "A run is killed and resumed. Weights, moments and step are in the checkpoint. Why may the curves still part?",
        right="what comes next is drawn from a generator that died",
        why="windows and dropout must follow from the step, or the generators' states must be saved as well",
        wrong={
            "a checkpoint rounds the weights to 16 bits": "it holds them as they are, in 32",
            "Adam's moments are estimated anew from the first batch": "they are in the checkpoint",
            "the learning rate begins to warm up again": "the plan counts steps, and goes on where it was",
        },
    ),
    Question(
        "Two processes train by ddp with 16 windows each. Which single process does the same?",
        right="one with 32 windows in a batch, same rate",
        why="gradients are averaged over the processes, which is the mean over all 32 windows",
        wrong={
            "one with 16 windows in a batch, and the same rate": "that one sees half of the windows in each step",
            "one with 16 windows and twice as many steps": "it takes smaller batches, and more of them",
            "one with 32 windows in a batch, and half the rate": "the mean gradient does not grow with the batch",
        },
    ),
    Question(
        "What does Muon change in a step?",
        right="it steps equally far in each direction of a matrix",
        why="the update's singular values are all brought near one",
        wrong={
            "it gives every single weight a rate of its own": "that is what Adam does",
            "it makes the weight matrix itself orthogonal": "the update is made so, not the weights",
            "it takes longer steps where gradients are large": "the size of the gradient cancels out",
        },
    ),
]
