"""Checks and quiz of notebook 06, position embeddings."""

import math

import torch

from utils.checks import Question, call, expect


def same(a, b) -> bool:
    return torch.is_tensor(a) and a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=1e-4)


def check_1(answer):
    tokens = torch.tensor([[7, 3, 9, 4, 2], [0, 0, 8, 6, 5], [4, 1, 0, 0, 0], [0, 0, 0, 0, 9]])
    real = (tokens != 0).long()
    count = real.cumsum(1)
    out = call(answer, tokens)
    expect(torch.is_tensor(out), "return one tensor of positions")
    expect(out.shape == tokens.shape, f"the result has shape {tuple(out.shape)}, expected (B, T) = {tuple(tokens.shape)}: one position a token")
    expect(not out.is_floating_point() and out.dtype != torch.bool, f"positions are integers that look up a row; yours have type {out.dtype}")
    expect(not same(out, torch.arange(5).expand(4, 5)), "this counts from the edge: left padding shifts the real tokens; count the real tokens only")
    expect(not same(out, torch.arange(5) * real), "this counts from the edge and blanks the padding: the first real token of row 2 must have position 0")
    expect(not same(out, count * real) and not same(out, count), "off by one: the first real token has position 0, and the running sum starts at 1")
    expect(out.min() >= 0, "padding gets a negative position, which no table has: set it to 0")
    expect(not same(out, (real.cumsum(0) - 1) * real) and not same(out, (real.cumsum(0) - 1).clamp(min=0)),
           "the running sum goes down the batch: it must run along the sequence, dim=1")
    expect(not same(out, (count - 1).clamp(min=0)), "the real tokens are right; padding on the right must get 0, too")
    expect(same(out, (count - 1) * real), "some positions are wrong: real tokens count 0, 1, 2, ..., padding gets 0")
    other = call(answer, torch.tensor([[9, 0, 5], [1, 9, 9]]), 9)
    expect(same(other, torch.tensor([[0, 0, 1], [0, 0, 0]])), "pad_id is ignored: padding is not always 0")


def check_2(answer):
    T, k = 7, 2
    out = call(answer, T, k)
    position = torch.arange(T)
    distance = position[None, :] - position[:, None]
    right = distance.clamp(-k, k) + k
    expect(torch.is_tensor(out) and out.shape == (T, T), f"the result must be a tensor of shape (T, T) = ({T}, {T})")
    expect(not out.is_floating_point(), f"indices are integers; yours have type {out.dtype}")
    expect(not same(out, distance) and not same(out, distance + k), "the distances are not clipped: beyond k all share one index")
    expect(not same(out, distance.clamp(-k, k)), "there are negative indices: shift by k, so that far left is 0")
    expect(not same(out, right.T), "the sign is turned round: key minus query, so a key on the right has a positive distance")
    expect(not same(out, distance.abs().clamp(max=k)) and not same(out, distance.abs().clamp(max=k) + k),
           "left and right share an index: keep the sign of the distance")
    expect(not same(out, (distance + k).clamp(-k, k)) and not same(out, (distance + k).clamp(0, k)), "clip first, then shift: the limits are those of the distance")
    expect(same(out, right), "some entries are wrong: row = query, column = key, entry = clip(column - row, -k, k) + k")
    expect(same(call(answer, 3, 9), distance[:3, :3] + 9), "with k above the length nothing should be clipped")


def check_3(answer):
    k, d_model = 3, 6
    out = call(answer, k, d_model)
    expect(torch.is_tensor(out) and out.shape == (d_model, d_model), f"the result must be a tensor of shape (d_model, d_model) = ({d_model}, {d_model})")
    omega = 10000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    angle = torch.arange(20, dtype=torch.float64)[:, None] * omega
    pe = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    out = out.double()

    def rotation(angles):
        return torch.block_diag(*(torch.tensor([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]], dtype=torch.float64) for a in angles.tolist()))

    right = rotation(k * omega)
    expect(not same(out, right.T), "this shifts backwards, from t to t - k: the two sines have exchanged signs (our pairs are sine first, then cosine)")
    expect(not same(out, rotation(omega)), "this is the shift by one position: the angle of a pair is omega times k")
    expect(not same(out, rotation(torch.full((d_model // 2,), float(k)))), "every pair turns at its own rate omega_i = 10000^(-2i/d_model); yours all turn alike")
    expect(not same(out, rotation(k * 10000.0 ** (-torch.arange(d_model // 2) / d_model))), "the exponent is -2i/d_model, with i the number of the pair: yours lacks the 2")
    halves = torch.zeros(d_model, d_model, dtype=torch.float64)
    h, c, s = d_model // 2, (k * omega).cos().diag(), (k * omega).sin().diag()
    halves[:h, :h], halves[:h, h:], halves[h:, :h], halves[h:, h:] = c, s, -s, c
    expect(not same(out, halves), "this is right for a table with all sines first; here sine and cosine of a pair stand side by side")
    expect(same(pe[:-k] @ out.T, pe[k:]), "the matrix does not take PE[t] to PE[t + k]: compare one 2 x 2 block with section 3")


def check_4(answer):
    g = torch.Generator().manual_seed(6)
    x, omega = torch.randn(7, 2, generator=g), 0.3
    out = call(answer, x, omega)
    expect(torch.is_tensor(out) and out.shape == x.shape, f"the result must have the shape of x, (T, 2) = {tuple(x.shape)}")

    def turned(angle):
        c, s = angle.cos(), angle.sin()
        return torch.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], dim=1)

    t = torch.arange(7)
    expect(not same(out, turned(-omega * t)), "clockwise: the signs of the two sines are exchanged")
    expect(not same(out, turned(torch.full((7,), omega))), "every row is turned by the same angle: row t turns by omega times t")
    expect(not same(out, turned(omega * (t + 1))), "off by one: row 0 is not turned at all")
    expect(not same(out, turned(torch.deg2rad(omega * t))), "the angle is in radians already: no conversion")
    c, s = (omega * t).cos(), (omega * t).sin()
    expect(not same(out, torch.stack([c * x[:, 0], s * x[:, 1]], dim=1)), "each new feature mixes both old ones: c·x0 - s·x1 and s·x0 + c·x1")
    first = c * x[:, 0] - s * x[:, 1]
    expect(not same(out, torch.stack([first, s * first + c * x[:, 1]], dim=1)), "the second feature was computed from the new first one; use the old one")
    expect(same(out.norm(dim=1), x.norm(dim=1)), "the lengths have changed, and a rotation keeps them")
    expect(same(out, turned(omega * t)), "the lengths are right, the directions are not: row t turns by omega * t, counter-clockwise")


QUIZ = [
    Question("An encoder without positions reads 'the dog bit the man' and 'the man bit the dog'. What is true of the mean of its outputs?",
             right="It is the same for both sentences",
             why="Every layer is equivariant to permutations, so the outputs are the same vectors in another order, and a mean forgets the order.",
             wrong={"It differs a little, since residual connections keep the input's order": "A residual connection adds row by row; it is equivariant like the rest.",
                    "It differs, if there are enough layers": "A chain of equivariant layers is equivariant, however long."}),
    Question("Why can a linear layer compute 'seven places further on' from a sinusoidal position?",
             right="A shift rotates each pair of columns by a fixed angle",
             why="The angle is omega times seven, whatever the starting place, so one block-diagonal matrix does it for all positions.",
             wrong={"The position number itself stands in one of the columns": "All columns are sines and cosines; the number itself is nowhere.",
                    "Because the table was trained to allow it": "Nothing in the sinusoidal table is trained."}),
    Question("A model with ALiBi was trained on 20 lines. On which question will it do well at 80 lines?",
             right="The last price of a good",
             why="The penalty grows with the distance, so ALiBi favours what is near, and the last price is near whatever the length.",
             wrong={"The first price of a good": "The first price is the farthest, and ALiBi penalises it most: it did not even learn it at 20 lines.",
                    "Both, since ALiBi extrapolates": "It extrapolates a preference for the near; a task that needs the far gains nothing."}),
    Question("Why is the embedding multiplied by the root of d_model before the positions are added?",
             right="The shared matrix starts small, and unscaled words would drown in the positions",
             why="With a start of standard deviation 1/√d a word has length 1, and a sinusoidal position √(d/2): 16 times as long at 512 features.",
             wrong={"For the same reason that scores are divided by the root of d": "That one keeps softmax from saturating; here two vectors that are added must be of like length.",
                    "To make the gradients smaller": "It makes the embedding's gradients larger, by the same factor."}),
    Question("A causal decoder has no positions at all. Can it learn anything about order?",
             right="Yes, with two layers or more: the mask itself breaks the symmetry",
             why="Each token sees another number of predecessors; the first layer can turn that into a position, the next one can use it.",
             wrong={"No: attention is blind to order": "That holds without a mask; a causal mask treats positions differently.",
                    "Yes, already with one layer, at the last token": "The last token sees all tokens, as without a mask; one layer gives it a bag of words."}),
]
