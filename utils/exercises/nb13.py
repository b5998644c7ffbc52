"""Checks and quiz of notebook 13, fine-tuning."""

import math

import torch
from torch import nn

from utils.checks import Question, call, expect


def check_1(answer):
    steps, warm = 23, 5
    got = [call(answer, t, steps, warm) for t in range(steps + 4)]
    expect(all(isinstance(g, (int, float)) for g in got), "return one number")
    right = [t / warm if t < warm else max(steps - t, 0) / (steps - warm) for t in range(steps + 4)]

    def same(other) -> bool:
        return all(math.isclose(g, o, abs_tol=1e-9) for g, o in zip(got[: len(other)], other, strict=True))

    expect(got[0] != 1, "there is no warm-up: at t = 0 the factor is 0, and it grows to 1 at t = warm")
    expect(not same([(t + 1) / warm if t < warm else right[t] for t in range(steps)]), "warm-up starts at 0, not at 1 / warm: t / warm, not (t + 1) / warm")
    expect(not same([min(t / warm, 1) for t in range(steps)]), "after warm-up the factor must fall linearly to 0 at t = steps; yours stays at 1")
    expect(not same([t / warm if t < warm else 1 - t / steps for t in range(steps)]), "at t = warm the factor must be 1: the way down is (steps - t) / (steps - warm), not 1 - t / steps")
    expect(not same([t / warm if t < warm else 1 - (t - warm) / steps for t in range(steps)]), "it does not reach 0 at t = steps: the way down takes steps - warm steps, not steps")
    expect(min(got) >= 0, "after the last step the factor is negative, and training would go uphill: keep it at 0")
    for t, (g, r) in enumerate(zip(got, right, strict=True)):
        expect(math.isclose(g, r, abs_tol=1e-9), f"with 23 steps, 5 of warm-up, the factor at t = {t} is {r:.3f}, yours {g:.3f}")


class Odd(nn.Module):
    """A little model with every case: a matrix, biases, a norm, an embedding, a bare 1-d weight, a shared matrix and a frozen layer."""

    def __init__(self):
        super().__init__()
        self.embedding, self.first = nn.Embedding(7, 5), nn.Linear(5, 3)
        self.norm, self.frozen = nn.LayerNorm(3), nn.Linear(3, 2)
        self.head = nn.Linear(5, 7, bias=False)
        self.head.weight = self.embedding.weight  # tied
        self.scale = nn.Parameter(torch.ones(3))
        for parameter in self.frozen.parameters():
            parameter.requires_grad_(False)


def check_2(answer):
    model = Odd()
    names = {id(p): name for name, p in model.named_parameters()}
    out = call(answer, model, 0.03)
    expect(isinstance(out, list) and len(out) == 2, "return a list of two dicts")
    expect(all(isinstance(g, dict) and {"params", "weight_decay"} <= set(g) for g in out), 'each group is a dict with "params" and "weight_decay"')
    held = [list(g["params"]) for g in out]
    expect(all(isinstance(p, nn.Parameter) for part in held for p in part), '"params" holds the parameters themselves, without their names')
    groups = [[names.get(id(p)) for p in part] for part in held]
    flat = groups[0] + groups[1]
    expect(not any(n and n.startswith("frozen") for n in flat), "a frozen parameter is in a group: leave out what has requires_grad False")
    expect(len(flat) == len(set(flat)), "a parameter is in the groups twice (the head shares the embedding's matrix); model.parameters() gives it once")
    expect((out[0]["weight_decay"], out[1]["weight_decay"]) != (0, 0.03), "the groups are exchanged: the first is decayed, the second is not")
    expect(not {"embedding.weight", "first.weight"} <= set(groups[1]), "the contents of the groups are exchanged: matrices are decayed, vectors are not")
    expect("scale" not in groups[0], "`scale` has one dimension, but is decayed: decide by p.ndim, not by the name's ending in bias")
    expect("norm.weight" not in groups[0], "the layer norm's weight is decayed: it has one dimension, as biases have")
    expect("embedding.weight" in flat, "the embedding's matrix is in no group, so it would never learn")
    expect(set(flat) == {"embedding.weight", "first.weight", "first.bias", "norm.weight", "norm.bias", "scale"}, "a parameter is in no group, so it would never learn")
    expect(set(groups[0]) == {"embedding.weight", "first.weight"}, f"the decayed group must hold the two matrices; yours holds {sorted(map(str, groups[0]))}")
    expect((out[0]["weight_decay"], out[1]["weight_decay"]) == (0.03, 0), "the first group has the weight decay asked for (0.03), the second 0")


def check_3(answer):
    turns = [
        ("system", [1, 9, 198, 50, 2, 198]),
        ("user", [1, 4, 198, 60, 61, 2, 198]),
        ("assistant", [1, 5, 198, 70, 71, 72, 2, 198]),
        ("user", [1, 4, 198, 62, 2, 198]),
        ("assistant", [1, 5, 198, 73, 2, 198]),
    ]
    out = call(answer, [(role, list(ids)) for role, ids in turns])
    expect(isinstance(out, (tuple, list)) and len(out) == 2, "return a tuple of two lists: (input_ids, labels)")
    ids, labels = list(out[0]), list(out[1])
    whole = [i for _, turn in turns for i in turn]
    expect(ids == whole, "input_ids must be all turns' ids, one after the other, header and end tokens included")
    expect(len(labels) == len(ids), f"labels and input_ids differ in length: {len(labels)} and {len(ids)}")
    right = [y for role, turn in turns for y in ([-100] * 3 + turn[3:-1] + [-100] if role == "assistant" else [-100] * len(turn))]
    expect(labels != right[1:] + [-100], "the labels are shifted by one: they stand at the place of their token, the model shifts them itself")
    last = [-100] * 21 + right[21:]
    expect(labels != last, "only the last answer is learnt: every assistant turn counts")
    expect(-100 in labels or 0 not in labels, "places that are not learnt carry -100, which the loss leaves out")
    learnt = {i for i, y in enumerate(labels) if y != -100}
    starts = [sum(len(t) for _, t in turns[:k]) for k in range(5)]
    for (role, turn), start in zip(turns, starts, strict=True):
        if role != "assistant":
            expect(not learnt & set(range(start, start + len(turn))), f"tokens of a {role} turn are learnt: only the assistant's are")
        else:
            expect(not learnt & set(range(start, start + 3)), "the header of the assistant's turn is learnt: it is given to the model, not written by it")
            expect(start + len(turn) - 2 in learnt, "the end-of-turn token is not learnt: the model would never learn to stop")
            expect(start + len(turn) - 1 not in learnt, "the line break behind the end-of-turn token is learnt; the task leaves it out")
    expect(labels == right, "some labels are wrong: an assistant's places 3 : -1 carry their own token id, all others -100")


QUIZ = [
    Question(
        "With 100 labels and 24 steps, fine-tuning is worse than frozen features. What do you look at before you blame the number of labels?",
        right="whether the training loss has come down",
        why="a network that was stopped early is compared with a linear model that was fitted to the end; more steps change the result",
        wrong={
            "whether the learning rate was the same": "a logistic regression on frozen features has no rate to compare",
            "whether the test set is large enough": "that tells how sure the difference is, not where it comes from",
        },
    ),
    Question(
        "What does warm-up protect against with Adam?",
        right="first steps of full size in directions that a random head and a single gradient chose",
        why="Adam divides by the gradient's own size, so the first step moves every weight by the full rate",
        wrong={
            "gradients that are too large": "Adam's step does not depend on their size, and clipping deals with them",
            "forgetting what the first batch taught": "the first batch is not special; its step is",
        },
    ),
    Question(
        "A fine-tuned encoder judges reviews well but finds fewer articles. What has happened?",
        right="its vectors were bent to one task, and what no loss asked for was partly lost",
        why="this is forgetting; nothing in the new loss rewards keeping topics apart",
        wrong={
            "it overfitted to its training reviews": "it judges unseen reviews well; the loss is of another ability",
            "the articles are harder for any classifier": "the same articles and the same measure gave a far better result before",
        },
    ),
    Question(
        "A chat model trained with `labels[input_ids == pad] = -100` never stops writing. Why?",
        right="its padding token is its end-of-turn token, so the places where it learns to stop were masked",
        why="padding must be known by its place, from the attention mask",
        wrong={
            "the prompt's tokens were not masked": "that changes what is learnt besides, but the end would still be learnt",
            "it needs a larger limit of new tokens": "a larger limit lets it go on for longer",
        },
    ),
]
