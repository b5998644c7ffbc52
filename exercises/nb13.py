"""Checks and quiz of notebook 13, fine-tuning."""

import math

import torch
from torch import nn

from utils.checks import Hint, Question, call, cast, expect


def check_1(answer):
    """one number, t / warm before t = warm, then (steps - t) / (steps - warm), and 0 after the last step"""
    steps, warm = 23, 5

    def right(t, steps, warm):
        return t / warm if t < warm else max(steps - t, 0) / (steps - warm)

    def given(steps, warm):
        return [call(answer, t, steps, warm, kind=float, gives="one number, the factor at step t") for t in range(steps + 4)]

    got = given(steps, warm)

    def same(other) -> bool:
        return all(math.isclose(got[t], other(t), abs_tol=1e-5) for t in range(steps))

    expect(got[0] != 1, "there is no warm-up: at t = 0 the factor is 0, and it grows to 1 at t = warm")
    expect(not same(lambda t: (t + 1) / warm if t < warm else right(t, steps, warm)),
           "warm-up starts at 0, not at 1 / warm: t / warm, not (t + 1) / warm")
    expect(not same(lambda t: min(t / warm, 1)), "after warm-up the factor must fall linearly to 0 at t = steps; yours stays at 1")
    expect(not same(lambda t: t // warm if t < warm else right(t, steps, warm)), "t // warm is 0 all through the warm-up: divide with /")
    expect(not same(lambda t: t / warm if t < warm else 1 - t / steps),
           "at t = warm the factor must be 1: the way down is (steps - t) / (steps - warm), not 1 - t / steps")
    expect(not same(lambda t: t / warm if t < warm else 1 - (t - warm) / steps),
           "it does not reach 0 at t = steps: the way down takes steps - warm steps, not steps")
    expect(not same(lambda t: t / warm if t < warm else (1 + math.cos(math.pi * (t - warm) / (steps - warm))) / 2),
           "this falls along a cosine; the task asks for a straight line from 1 at t = warm to 0 at t = steps")
    expect(not min(got) < 0, "after the last step the factor is negative, and training would go uphill: keep it at 0")
    expect(not max(got[steps:]) > 1e-5, "at t = steps and after it the factor must be 0")
    for t, factor in enumerate(got):
        expect(math.isclose(factor, right(t, steps, warm), abs_tol=1e-5),
               f"with 23 steps, 5 of warm-up, the factor at t = {t} is {right(t, steps, warm):.3f}, yours {factor:.3f}")
    for t, factor in enumerate(given(11, 4)):
        expect(math.isclose(factor, right(t, 11, 4), abs_tol=1e-5),
               f"right for 23 steps, but with 11, 4 of warm-up, wrong at t = {t}: use the arguments")


class Odd(nn.Module):
    """A little model with every case: matrices, biases, a norm, two embeddings (one tied), a convolution, bare weights, a frozen layer."""

    def __init__(self):
        super().__init__()
        self.embedding, self.positions, self.first = nn.Embedding(7, 5), nn.Embedding(4, 5), nn.Linear(5, 3)
        self.norm, self.frozen = nn.LayerNorm(3), nn.Linear(3, 2)
        self.filter = nn.Conv1d(3, 2, 2, bias=False)  # a weight of three dimensions
        self.head = nn.Linear(5, 7, bias=False)
        self.head.weight = self.embedding.weight  # tied
        self.scale, self.warmth = nn.Parameter(torch.ones(3)), nn.Parameter(torch.tensor(1.0))
        for parameter in self.frozen.parameters():
            parameter.requires_grad_(False)


def check_2(answer):
    """a list of two dicts with "params" and "weight_decay": the trainable matrices, decayed, then the trainable vectors, not decayed"""
    gives = 'a list of two dicts with "params" and "weight_decay"'

    def groups_of(model, weight_decay):
        out = call(answer, model, weight_decay, kind=list, gives=gives)
        expect(len(out) == 2 and all(isinstance(g, dict) and {"params", "weight_decay"} <= set(g) for g in out), f"expected {gives}")
        try:
            held = [list(g["params"]) for g in out]
        except TypeError:
            raise Hint('"params" holds a list of parameters in each group') from None
        expect(not any(torch.is_tensor(p) and not isinstance(p, nn.Parameter) for part in held for p in part),
               "these are bare tensors (p.data, p.detach()), which get no gradient: hand over the parameters themselves")
        expect(all(isinstance(p, nn.Parameter) for part in held for p in part), '"params" holds the parameters themselves, without their names')
        names = {id(p): name for name, p in model.named_parameters()}
        return [[names.get(id(p), "unknown") for p in part] for part in held], [cast(g["weight_decay"], float, who="a weight_decay is") for g in out]

    groups, decays = groups_of(Odd(), 0.03)
    flat = groups[0] + groups[1]
    expect("unknown" not in flat,
           "a parameter is not the model's own but a copy of it: training would change the copy; hand over the parameters themselves")
    expect(not any(name.startswith("frozen") for name in flat), "a frozen parameter is in a group: leave out what has requires_grad False")
    expect(len(flat) == len(set(flat)),
           "a parameter is in the groups twice (the head shares the embedding's matrix); model.parameters() gives it once")
    matrices = {"embedding.weight", "positions.weight", "first.weight", "filter.weight"}
    vectors = {"first.bias", "norm.weight", "norm.bias", "scale", "warmth"}
    expect(not {"embedding.weight", "positions.weight"} & (matrices | vectors) - set(flat),
           "an embedding's matrix is in no group, so it would never learn")
    missing = (matrices | vectors) - set(flat)
    expect(not missing, f"in no group, so that it would never learn: {', '.join(sorted(missing))}")
    expect(not (set(groups[0]) == vectors and set(groups[1]) == matrices) and decays != [0, 0.03],
           "the groups are exchanged: the first holds the matrices and is decayed, the second the vectors")
    expect(groups[0], "nothing is decayed: a matrix has two dimensions, so p.ndim >= 2, not > 2")
    expect("positions.weight" in groups[0], "the position embedding's matrix is not decayed: every matrix is, not those of linear layers alone")
    expect("filter.weight" in groups[0], "the convolution's weight has three dimensions and is not decayed: all with two or more are, p.ndim >= 2")
    expect("norm.weight" not in groups[0], "the layer norm's weight is decayed: it has one dimension, as biases have; decide by p.ndim")
    expect("scale" not in groups[0], "`scale` has one dimension, but is decayed: decide by p.ndim, not by the name's ending in bias")
    expect("warmth" not in groups[0],
           "`warmth`, a single number of no dimension, is decayed: the second group takes all with fewer than two, p.ndim < 2")
    expect(set(groups[0]) == matrices, f"the decayed group must hold the {len(matrices)} matrices; yours holds {', '.join(groups[0])}")
    expect(math.isclose(decays[0], 0.03, rel_tol=1e-5) and decays[1] == 0,
           f"the first group has the weight decay asked for (0.03), the second 0; yours {decays}")
    groups, decays = groups_of(nn.Linear(2, 3), 0.2)
    expect(groups == [["weight"], ["bias"]] and math.isclose(decays[0], 0.2, rel_tol=1e-5) and decays[1] == 0,
           "right once, but not for another model and another weight decay: use the arguments")


def check_3(answer):
    """a tuple of two lists, (input_ids, labels): an assistant turn's places 3 : -1 carry their token, all others -100"""

    def turn_labels(role, ids, start=3, end=-1):
        if role != "assistant":
            return [-100] * len(ids)
        return [-100] * len(ids[:start]) + ids[start:end] + [-100] * len(ids[end:])

    def whole_labels(turns):
        return [y for role, ids in turns for y in turn_labels(role, ids)]

    def returned(turns):
        out = call(answer, turns, kind=list, gives="a tuple of two lists: (input_ids, labels)")
        expect(len(out) == 2, "return a tuple of two lists: (input_ids, labels)")
        return [cast(part, list, "a list of token ids", f"{name} is") for part, name in zip(out, ("input_ids", "labels"), strict=True)]

    # 1 opens a turn, 4 and 5 are roles, 2 ends a turn, 198 is the line break: all of them stand in texts as well
    turns = [
        ("system", [1, 9, 198, 50, 198, 2, 198]),
        ("user", [1, 4, 198, 60, 5, 198, 61, 2, 198]),
        ("assistant", [1, 5, 198, 70, 198, 198, 5, 2, 71, 2, 198]),
        ("user", [1, 4, 198, 62, 2, 198]),
        ("assistant", [1, 5, 198, 73, 4, 1, 2, 198]),
    ]
    ids, labels = returned(turns)
    expect(ids == [i for _, turn in turns for i in turn], "input_ids must be all turns' ids, one after the other, header and end tokens included")
    expect(len(labels) == len(ids), f"labels and input_ids differ in length: {len(labels)} and {len(ids)}")
    right = whole_labels(turns)
    expect(labels != right[1:] + [-100] and labels != [-100] + right[:-1],
           "the labels are shifted by one: they stand at the place of their token, the model shifts them itself")
    answers = [k for k, (role, _) in enumerate(turns) if role == "assistant"]
    starts = [sum(len(turn) for _, turn in turns[:k]) for k in range(len(turns) + 1)]
    learnt = [{i for i in range(starts[k], starts[k + 1]) if labels[i] != -100} for k in range(len(turns))]
    expect(not learnt[answers[0]] or learnt[answers[1]], "only the first answer is learnt: every assistant turn counts")
    expect(not learnt[answers[1]] or learnt[answers[0]], "only the last answer is learnt: every assistant turn counts")
    expect(any(learnt), "nothing is learnt: the assistant's text and end-of-turn token carry their own ids")
    expect(-100 in labels, "places that are not learnt carry -100, which the loss leaves out")
    for k, (role, _) in enumerate(turns):
        expect(role == "assistant" or not learnt[k], f"tokens of a {role} turn are learnt: only the assistant's are")
    for k in answers:
        start, end = starts[k], starts[k + 1]
        expect(not learnt[k] & set(range(start, start + 3)),
               "the header of the assistant's turn is learnt: it is given to the model, not written by it")
        expect(end - 2 in learnt[k], "the end-of-turn token is not learnt: the model would never learn to stop")
        expect(end - 1 not in learnt[k], "the line break behind the end-of-turn token is learnt; the task leaves it out")
        expect(len(learnt[k]) == end - start - 4,
               "tokens inside an answer's text are not learnt: a line break may stand in the text too; decide by place, 3 : -1, not by value")
    expect(labels == right, "the right places are learnt, but with other values: a label is the token's own id")
    more = [("assistant", [7, 8, 6, 20, 21, 3, 9]), ("user", [7, 6, 6, 3, 9]), ("assistant", [7, 8, 6, 3, 9])]
    ids, labels = returned(more)
    expect(labels == whole_labels(more) and ids == [i for _, turn in more for i in turn],
           "right once, but not for another conversation with other tokens: decide by the role and the place")


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
