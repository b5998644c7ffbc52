"""Checks and quiz of notebook 18, a GPT on the plays."""

import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from lessons.counting import KneserNey
from lessons.shakespeare import char_probabilities, load_gpt, plays_as_ids
from utils.checks import Question, call, cast, describe, expect
from utils.data import sha256

FIRST, ON_MACBETH, ON_HAMLET, AT_MOST, WORST, GAIN, LARGEST = 64, 20_000, 60_000, 60, 1.85, 0.035, 10_000_000


def check_1(answer):
    """one number, the factor of the rate"""

    def at(step, warm=10, total=90, floor=0.1):
        value = call(answer, step, warm, total, floor, kind=float, gives="one number, the factor of the rate")
        expect(math.isfinite(value), f"at step {step} of {total} your factor is not a finite number")
        return value

    first = at(0, floor=0.2)
    expect(first > 0, "the first step has factor 0 and is lost: it should have 1 / (warm + 1)")
    expect(
        not math.isclose(first, 1 / 10, abs_tol=1e-6),
        "divide by warm + 1: the last warming step, warm - 1, is just below 1, and step warm has 1",
    )
    expect(first < 0.5, f"in the first steps the rate should rise from a small factor; at step 0 yours is {first:.3f}")
    expect(
        not math.isclose(first, 0.2 + 0.8 / 11, abs_tol=1e-6),
        "the floor is for the way down: while warming up the factor is (step + 1) / (warm + 1)",
    )
    expect(
        math.isclose(first, 1 / 11, abs_tol=1e-6),
        f"at step 0 with warm 10 the factor should be 1/11, yours is {first:.4f}",
    )
    expect(
        math.isclose(at(9), 10 / 11, abs_tol=1e-6),
        f"at step 9 with warm 10 the factor should be 10/11, yours is {at(9):.4f}",
    )
    top = at(10)
    expect(math.isclose(top, 1, abs_tol=1e-6), f"at step `warm` the factor should be 1, the top; yours is {top:.4f}")
    middle, end = at(50), at(90)
    expect(
        not math.isclose(middle, 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 50 / 90)), abs_tol=1e-6),
        "the way down begins at step `warm`: its share is (step - warm) / (total - warm), not step / total",
    )
    expect(
        end > 0.05,
        f"at step `total` the factor should be the floor, 0.1; yours is {end:.3f}: the cosine falls from 1 to the floor, not to 0 or below",
    )
    expect(
        not math.isclose(end, 0.55, abs_tol=1e-6)
        and not math.isclose(middle, 0.1 + 0.9 * math.cos(math.pi / 4), abs_tol=1e-6),
        "half a cosine goes from cos 0 to cos pi; a quarter (to pi / 2) falls slowly first and has no flat end",
    )
    expect(
        math.isclose(end, 0.1, abs_tol=1e-6), f"at step `total` the factor should be the floor, 0.1; yours is {end:.4f}"
    )
    quarter = at(30)
    expect(
        not math.isclose(quarter, 1 - 0.9 * 20 / 80, abs_tol=1e-6),
        "this falls in a straight line; the plan follows half a cosine",
    )
    expect(
        math.isclose(middle, 0.55, abs_tol=1e-6)
        and math.isclose(quarter, 0.1 + 0.45 * (1 + math.cos(math.pi / 4)), abs_tol=1e-6),
        f"half-way down the factor should be (1 + floor) / 2 = 0.55, a quarter down 0.868; yours are {middle:.4f} and {quarter:.4f}",
    )
    after = at(130)
    expect(
        not math.isclose(after, at(50), abs_tol=1e-6),
        "after `total` the cosine must not come up again: the factor stays at the floor",
    )
    expect(
        math.isclose(after, 0.1, abs_tol=1e-6),
        f"after `total` the factor stays at the floor, 0.1; at step 130 yours is {after:.4f}",
    )
    other = at(3, 5, 20, 0.0)
    expect(
        math.isclose(other, 4 / 6, abs_tol=1e-6),
        "with other values of warm, total and floor your function gives the same: use its arguments",
    )
    expect(
        abs(at(20, 5, 20, 0.0)) < 1e-6, "with floor 0 the factor at step `total` should be 0: use the argument floor"
    )


def _stops_slowly(losses, patience):
    """(best, end, how often a tie occurred on the way) by the definition."""
    for end in range(len(losses)):
        if not math.isfinite(losses[end]):
            return (min(range(end), key=lambda i: (losses[i], i)) if end else 0), end
        best = min(range(end + 1), key=lambda i: (losses[i], i))
        if end - best == patience:
            return best, end
    return min(range(len(losses)), key=lambda i: (losses[i], i)), len(losses) - 1


def check_2(answer):
    """two whole numbers: (epoch of the best loss, epoch after which the run ends)"""

    def of(losses, patience):
        out = call(answer, list(losses), patience)
        expect(
            isinstance(out, (tuple, list, np.ndarray, torch.Tensor)) and len(out) == 2,
            "return two whole numbers: (epoch of the best loss, epoch after which the run ends)",
        )
        return tuple(cast(x, int, "two whole numbers: (best epoch, last epoch)") for x in out)

    slow = of([1.0, 3.0, 2.5, 2.0, 1.5, 1.2, 1.1], 3)
    expect(
        slow != (0, 6),
        "for 1, 3, 2.5, 2, 1.5 … and patience 3 the run should have ended after epoch 3: a check is bad that is not lower than the best so far, not than the loss before",
    )
    plain = of([3.0, 2.0, 1.0, 1.5, 1.4, 1.3, 1.2, 0.5], 3)
    expect(
        plain != (5, 2),
        "the other way round: first the epoch of the best loss, then the epoch after which the run ends",
    )
    expect(plain != (3, 6) and plain != (3, 7), "epochs count from 0, as the list does")
    expect(
        plain != (7, 7),
        "the run does not know the future: after three bad checks, at epoch 5, it ends; the 0.5 of epoch 7 is never reached",
    )
    expect(plain != (2, 6), "patience 3 means: the third bad check ends the run, not the one after it")
    expect(
        plain != (2, 4),
        "patience 3 means three bad checks: epochs 3, 4 and 5 are worse than the best, so the run ends after 5",
    )
    expect(
        plain[1] != 3,
        "one worse loss is not enough to end the run: wait until there are `patience` bad checks",
    )
    expect(
        plain == (2, 5),
        f"for the losses 3, 2, 1, 1.5, 1.4, 1.3, 1.2, 0.5 and patience 3 it is (2, 5); yours is {plain}",
    )
    falling = of([3.0, 2.0, 1.0], 2)
    expect(
        falling == (2, 2),
        f"a run that is never stopped ends with its last epoch: for 3, 2, 1 it is (2, 2); yours is {falling}",
    )
    reset = of([3.0, 3.5, 2.9, 3.5, 2.8, 3.5, 3.6], 2)
    expect(
        reset != (2, 3),
        "a better loss sets the count of bad checks back to zero: `patience` counts bad checks in a row",
    )
    expect(reset == (4, 6), f"for 3, 3.5, 2.9, 3.5, 2.8, 3.5, 3.6 and patience 2 it is (4, 6); yours is {reset}")
    expect(slow == (0, 3), f"for 1, 3, 2.5, 2, 1.5, 1.2, 1.1 and patience 3 it is (0, 3); yours is {slow}")
    tie = of([2.0, 1.0, 1.0, 1.0, 1.0], 2)
    expect(
        tie == (1, 3),
        f"an equal loss is not lower: it counts as bad, and the best stays where it was first reached; for 2, 1, 1, 1, 1 and patience 2 it is (1, 3), yours is {tie}",
    )
    broken = of([3.0, 2.0, float("nan"), 1.0], 5)
    expect(
        broken == (1, 2),
        f"a loss that is not finite ends the run at once: for 3, 2, nan, 1 it is (1, 2); yours is {broken}",
    )
    endless = of([3.0, 2.0, float("-inf"), 1.0], 5)
    expect(endless == (1, 2), "minus infinity is not a good loss: whatever is not finite ends the run at once")
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

    def of(p, q, shares):
        out = call(answer, p, q, shares)
        expect(
            isinstance(out, (tuple, list, np.ndarray)) and len(out) == 2,
            "return two numbers: (the share of p, the loss in nats)",
        )
        return tuple(cast(x, float, "two numbers: (the share of p, the loss in nats)") for x in out)

    losses = np.array([-np.log(w * p + (1 - w) * q).mean() for w in shares])
    best = int(losses.argmin())
    share, loss = of(p, q, shares)
    expect(
        not (math.isclose(share, losses.min(), abs_tol=1e-6) and math.isclose(loss, shares[best], abs_tol=1e-6)),
        "the other way round: first the share, then the loss",
    )
    expect(math.isfinite(share) and math.isfinite(loss), "share and loss should be finite numbers")
    expect(
        not (share in (0.0, 1.0) and 0 < best < 20),
        "an end of the range: the mean of two losses, or the logarithm of a mean, always says so. Mix w p + (1 - w) q, take the logarithm of each, then the mean",
    )
    expect(
        not math.isclose(share, 1 - shares[best], abs_tol=1e-6),
        "the share of p is asked: in w p + (1 - w) q the w belongs to p",
    )
    expect(
        best in (0, 1) or not math.isclose(share, best, abs_tol=1e-6),
        "this is the place in `shares`: return the share itself",
    )
    expect(
        math.isclose(share, shares[best], abs_tol=1e-6),
        f"the lowest loss of these {len(shares)} shares is at {shares[best]:.2f}; yours is {share:.3f} (only the given shares count)",
    )
    expect(not math.isclose(loss, -losses.min(), abs_tol=1e-6), "a loss is minus the mean of ln: the sign is missing")
    expect(
        not math.isclose(loss, losses.min() / math.log(2), abs_tol=1e-5),
        "this is in bits: nats come from the natural logarithm",
    )
    expect(
        not math.isclose(loss, losses.min() * 400, rel_tol=1e-5), "the sum over the characters: the loss is their mean"
    )
    expect(not math.isclose(loss, math.exp(losses.min()), abs_tol=1e-5), "this is the perplexity, exp of the loss")
    expect(
        math.isclose(loss, losses.min(), abs_tol=1e-5),
        f"the loss at this share is {losses.min():.4f}; yours is {loss:.4f}",
    )
    few = np.array([0.9, 0.2, 0.6])
    right = float(few[int(np.argmin([-np.log(w * p + (1 - w) * q).mean() for w in few]))])
    expect(
        math.isclose(of(p, q, few)[0], right, abs_tol=1e-6),
        "with the shares 0.9, 0.2, 0.6 another one comes out: take them from `shares`, in any order",
    )
    swapped = of(q, p, shares)
    expect(
        math.isclose(swapped[0], 1 - shares[best], abs_tol=1e-6),
        "with p and q exchanged the share should be one minus the first: is there something fixed in your function?",
    )


@lru_cache(maxsize=1)
def _counted():
    """(letters, Macbeth's ids, Hamlet's ids, probabilities of a 7-gram for both)."""
    plays, letters = plays_as_ids()
    parts = [plays["validation"][:ON_MACBETH], plays["test"][:ON_HAMLET]]
    table = KneserNey(plays["train"].numpy(), len(letters), 7)
    return letters, parts, [table.probabilities(ids.numpy(), FIRST) for ids in parts]


def check_4(answer):
    """the folder that save_gpt wrote, as a path or its name"""
    answer = call(answer) if callable(answer) else answer
    expect(isinstance(answer, (str, Path)), f"hand in the folder of your model, a path; got {describe(answer)}")
    folder = Path(answer)
    expect(
        folder.is_dir(), f"there is no folder {folder.name!r}: save your model with save_gpt(model, letters, folder)"
    )
    try:
        model, letters = load_gpt(folder)
    except ValueError as error:
        expect(False, str(error).replace(str(folder), folder.name))
    plays, ours = plays_as_ids()
    expect(
        list(letters) == ours,
        f"the model's characters are not the plays': it has {len(letters)}, the plays {len(ours)}; save the list `letters` of this page with it",
    )
    n = sum(p.numel() for p in model.parameters())
    expect(n <= LARGEST, f"the model has {n / 1e6:.1f} million parameters; ten million are allowed")
    expect(
        all(p.isfinite().all() for p in model.parameters()),
        "some weights are not finite: the training blew up; try a lower rate",
    )
    window = min(model.config.max_len, AT_MOST + 4)
    expect(window >= 8, "a model that sees fewer than 8 characters cannot be scored here")
    macbeth = plays["validation"][:ON_MACBETH]
    p = char_probabilities(model, macbeth, FIRST, window)
    loss = float(-np.log(p).mean())
    expect(loss < WORST, f"{loss:.2f} nats on Macbeth, {WORST} or less is asked: train longer. Hamlet stays shut")
    _, (_, hamlet), (q, q_test) = _counted()
    shares = np.linspace(0, 1, 21)
    share = shares[int(np.argmin([-np.log(w * p + (1 - w) * q).mean() for w in shares]))]
    looks = _look(folder)
    p_test = char_probabilities(model, hamlet, FIRST, window)
    alone, table, both = (float(-np.log(x).mean()) for x in (p_test, q_test, share * p_test + (1 - share) * q_test))
    once = "Hamlet was opened once." if looks == 1 else f"Hamlet was opened for {looks} models of this folder: it is a second Macbeth now, no test."
    scores = f"On Hamlet your GPT has {alone:.3f}, the 7-gram {table:.3f}, both mixed (weight {share:.2f}) {both:.3f} nats a character."
    expect(table - both >= GAIN, f"{scores} Mixed, {GAIN} nats less than the 7-gram's are asked. {once}")
    return f"{scores} {once}"


def _look(folder: Path) -> int:
    """Notes in sealed.json that Hamlet is opened for these weights; returns for how many different weights it was."""
    path, seen = folder / "sealed.json", []
    if path.is_file():
        try:
            seen = [str(x) for x in json.loads(path.read_text(encoding="utf-8"))]
        except (ValueError, TypeError):
            seen = []
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
