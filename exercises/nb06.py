"""Checks and quiz of notebook 06, position embeddings."""

import math

import torch

from utils.checks import Hint, Question, call, close, expect


def check_1(answer):
    """a tensor of whole numbers (B, T), one position a token"""

    def positions_of(tokens, *pad_id):
        out = call(answer, tokens, *pad_id, kind="tensor", gives="a tensor of whole numbers (B, T), one position a token")
        expect(out.shape == tokens.shape, f"the result has shape {tuple(out.shape)}, expected (B, T) = {tuple(tokens.shape)}: one position a token")
        expect(not out.is_floating_point() and not out.is_complex() and out.dtype != torch.bool,
               f"positions are integers that look up a row; yours have type {out.dtype}")
        return out.long()

    tokens = torch.tensor([[7, 3, 9, 4, 2, 5], [0, 0, 8, 6, 5, 3], [4, 1, 0, 0, 0, 0], [0, 3, 0, 2, 9, 0]])
    real = (tokens != 0).long()
    count, edge = real.cumsum(1), torch.arange(6)
    right = (count - 1) * real
    out = positions_of(tokens)
    expect(not torch.equal(out, edge.expand(4, 6)), "this counts from the edge: left padding shifts the real tokens; count the real tokens only")
    expect(not torch.equal(out, edge * real), "this counts from the edge and blanks the padding: the first real token of row 2 must have position 0")
    expect(not torch.equal(out, count * real) and not torch.equal(out, count),
           "off by one: the first real token has position 0, and the running sum starts at 1")
    down = real.cumsum(0) - 1
    expect(not any(torch.equal(out, wrong) for wrong in (down, down * real, down.clamp(min=0))),
           "the running sum goes down the batch: it must run along the sequence, dim=1")
    expect(out.min() >= 0, "padding gets a negative position, which no table has: set it to 0")
    since = edge - real.argmax(1, keepdim=True)
    expect(not torch.equal(out, since * real) and not torch.equal(out, since.clamp(min=0)),
           "this counts from the first real token on, padding in between included: count the real tokens only")
    expect(not torch.equal(out, (count - 1).clamp(min=0)), "the real tokens are right; padding after them must get 0, too")
    restarted = torch.tensor([[0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 3], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]])
    expect(not torch.equal(out, restarted), "the count starts again after padding in between: it runs on through the whole row")
    expect(torch.equal(out, right), "some positions are wrong: real tokens count 0, 1, 2, ..., padding gets 0")
    tokens = torch.tensor([[9, 0, 5, 9], [1, 9, 9, 0], [9, 9, 9, 9]])
    out = positions_of(tokens, 9)
    wanted = torch.tensor([[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    other = (tokens != 0).long()
    expect(not torch.equal(out, (other.cumsum(1) - 1) * other), "pad_id is ignored: padding is not always 0")
    expect(not torch.equal(out, wanted + 9) and not torch.equal(out, wanted + 9 * (tokens != 9)),
           "pad_id was added to the positions, as RoBERTa does; here the first real token has position 0, whatever pad_id is")
    expect(torch.equal(out, wanted),
           "right for pad_id=0, wrong for another batch with pad_id=9: there 9 is padding, 0 a token like any other, and a row may be all padding")


def check_2(answer):
    """a tensor of whole numbers (T, T)"""

    def index_of(T, k):
        out = call(answer, T, k, kind="tensor", gives="a tensor of whole numbers (T, T)")
        expect(out.shape == (T, T), f"the result has shape {tuple(out.shape)}, expected (T, T) = {(T, T)}")
        expect(not out.is_floating_point() and not out.is_complex() and out.dtype != torch.bool, f"indices are integers; yours have type {out.dtype}")
        return out.long()

    def distance_of(T):
        return torch.arange(T)[None, :] - torch.arange(T)[:, None]

    T, k = 7, 2
    out = index_of(T, k)
    distance = distance_of(T)
    right = distance.clamp(-k, k) + k
    expect(not torch.equal(out, distance) and not torch.equal(out, distance + k), "the distances are not clipped: beyond k all share one index")
    expect(not torch.equal(out, distance.clamp(-k, k)), "there are negative indices: shift by k, so that far left is 0")
    expect(not torch.equal(out, right + 1), "the smallest index must be 0: shift by k, not by k + 1")
    expect(not torch.equal(out, right.T), "the sign is turned round: key minus query, so a key on the right has a positive distance")
    expect(not any(torch.equal(out, distance.abs().clamp(max=k) + shift) for shift in (0, k)),
           "left and right share an index: keep the sign of the distance")
    expect(not any(torch.equal(out, (distance + k).clamp(low, k)) for low in (-k, 0)),
           "clip first, then shift: the limits -k and k are those of the distance; shifted they are 0 and 2k")
    expect(not torch.equal(out, distance.clamp(-k, k - 1) + k), "the limit k itself counts: distances run from -k to k, which makes 2k + 1 indices")
    expect(torch.equal(out, right), "some entries are wrong: row = query, column = key, entry = clip(column - row, -k, k) + k")
    expect(torch.equal(index_of(9, 3), distance_of(9).clamp(-3, 3) + 3),
           "right for T = 7 and k = 2, wrong for T = 9 and k = 3: is a size written as a number?")
    expect(torch.equal(index_of(3, 8), distance_of(3) + 8), "with k above the length nothing is clipped, and the shift is still k")


def check_3(answer):
    """a tensor (d_model, d_model)"""

    def matrix_of(k, d_model):
        out = call(answer, k, d_model, kind="tensor", gives="a tensor (d_model, d_model)")
        expect(out.shape == (d_model, d_model), f"the result has shape {tuple(out.shape)}, expected (d_model, d_model) = {(d_model, d_model)}")
        return out

    def rates(d_model):
        return 10000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)

    def rotation(angles):
        return torch.block_diag(*(torch.tensor([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) for a in angles.tolist()))

    def shifts(matrix, k, d_model):
        """Whether the matrix takes each of the first 60 positions k steps on."""
        angle = torch.arange(60, dtype=torch.float64)[:, None] * rates(d_model)
        pe = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()
        return close(pe[:-k] @ matrix.float().T, pe[k:], atol=1e-4)

    k, d_model = 3, 6
    out = matrix_of(k, d_model)
    if not shifts(out, k, d_model):
        omega, pairs = rates(d_model), torch.arange(d_model // 2)
        c, s = (k * omega).cos().diag(), (k * omega).sin().diag()
        halves = torch.cat([torch.cat([c, s], 1), torch.cat([-s, c], 1)])
        expect(not close(out, rotation(k * omega).T, atol=1e-4), "this shifts backwards, from t to t - k, or is meant for PE[t] @ M: "
               "the two sines have exchanged places (our pairs are sine first, then cosine)")
        expect(not close(out, rotation(omega), atol=1e-4), "this is the shift by one position: the angle of a pair is omega times k")
        expect(not close(out, rotation(0 * omega + k), atol=1e-4),
               "every pair turns at its own rate omega_i = 10000^(-2i/d_model); yours all turn alike")
        expect(not close(out, rotation(k * 10000.0 ** (-pairs / d_model)), atol=1e-4),
               "the exponent is -2i/d_model, with i the number of the pair: yours lacks the 2")
        expect(not close(out, rotation(k / omega), atol=1e-3),
               "the rates are upside down: 10000 has the exponent -2i/d_model, with a minus, so later pairs turn more slowly")
        expect(not close(out, halves, atol=1e-4) and not close(out, halves.T, atol=1e-4),
               "this is for a table with all sines first; here sine and cosine of a pair stand side by side")
        expect(not close(out, rotation(k * omega) * torch.eye(d_model), atol=1e-4),
               "the sines beside the diagonal are missing: each pair needs a whole 2 x 2 block")
        raise Hint("the matrix does not take PE[t] to PE[t + k]: compare one 2 x 2 block with section 3")
    for k, d_model in ((5, 10), (11, 4)):
        expect(shifts(matrix_of(k, d_model), k, d_model),
               f"right for k = 3 and d_model = 6, wrong for k = {k} and d_model = {d_model}: is a size written as a number?")


def check_4(answer):
    """a tensor (T, 2), like x"""

    def rotated(x, omega):
        out = call(answer, x, omega, kind="tensor", gives="a tensor (T, 2), like x")
        expect(out.shape == x.shape, f"the result has shape {tuple(out.shape)}, expected that of x, (T, 2) = {tuple(x.shape)}")
        return out

    def turned(x, angle):
        c, s = angle.cos(), angle.sin()
        return torch.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], dim=1)

    g = torch.Generator().manual_seed(6)
    x, omega, t = torch.randn(7, 2, generator=g), 0.3, torch.arange(7.0)
    right = turned(x, omega * t)
    out = rotated(x, omega)
    if not close(out, right, atol=1e-4):
        c, s = (omega * t).cos(), (omega * t).sin()
        first = c * x[:, 0] - s * x[:, 1]
        expect(not close(out, turned(x, -omega * t), atol=1e-4), "clockwise: the signs of the two sines are exchanged")
        expect(not close(out, turned(x, omega + 0 * t), atol=1e-4), "every row is turned by the same angle: row t turns by omega times t")
        expect(not close(out, turned(x, t), atol=1e-4), "omega is not used: row t turns by omega times t, not by t")
        expect(not close(out, turned(x, omega * (t + 1)), atol=1e-4), "off by one: row 0 is not turned at all")
        expect(not close(out, turned(x, torch.deg2rad(omega * t)), atol=1e-4), "the angle is in radians already: no conversion")
        expect(not close(out, x * torch.stack([c, s], 1), atol=1e-4), "each new feature mixes both old ones: c·x0 - s·x1 and s·x0 + c·x1")
        expect(not close(out, torch.stack([first, s * first + c * x[:, 1]], dim=1), atol=1e-4),
               "the second feature was computed from the new first one; use the old one")
        expect(close(out.float().norm(dim=1), x.norm(dim=1), atol=1e-4), "the lengths have changed, and a rotation keeps them")
        raise Hint("the lengths are right, the directions are not: row t turns by omega * t, counter-clockwise")
    x, omega = torch.randn(4, 2, generator=g), 1.1
    expect(close(rotated(x, omega), turned(x, omega * torch.arange(4.0)), atol=1e-4),
           "right for omega = 0.3 and T = 7, wrong for omega = 1.1 and T = 4: is a number written out?")


QUIZ = [
    Question("An encoder without positions reads 'the dog bit the man' and 'the man bit the dog'. What is true of the mean of its outputs?",
             right="It is the same for both sentences",
             why="Every layer is equivariant to permutations, so the outputs are the same vectors in another order, and a mean forgets the order.",
             wrong={"It differs a little, since residual connections keep the input's order":
                 "A residual connection adds row by row; it is equivariant like the rest.",
                    "It differs, if there are enough layers": "A chain of equivariant layers is equivariant, however long."}),
    Question("Why can a linear layer compute 'seven places further on' from a sinusoidal position?",
             right="A shift rotates each pair of columns by a fixed angle",
             why="The angle is omega times seven, whatever the starting place, so one block-diagonal matrix does it for all positions.",
             wrong={"The position number itself stands in one of the columns": "All columns are sines and cosines; the number itself is nowhere.",
                    "Because the table was trained to allow it": "Nothing in the sinusoidal table is trained."}),
    Question("A model with ALiBi was trained on 20 lines. On which question will it do well at 80 lines?",
             right="The last price of a good",
             why="The penalty grows with the distance, so ALiBi favours what is near, and the last price is near whatever the length.",
             wrong={"The first price of a good":
                 "The first price is the farthest, and ALiBi penalises it most: it did not even learn it at 20 lines.",
                    "Both, since ALiBi extrapolates": "It extrapolates a preference for the near; a task that needs the far gains nothing."}),
    Question("Why is the embedding multiplied by the root of d_model before the positions are added?",
             right="The shared matrix starts small, and unscaled words would drown in the positions",
             why="With a start of standard deviation 1/√d a word has length 1, and a sinusoidal position √(d/2): 16 times as long at 512 features.",
             wrong={"For the same reason that scores are divided by the root of d":
                 "That one keeps softmax from saturating; here two vectors that are added must be of like length.",
                    "To make the gradients smaller": "It makes the embedding's gradients larger, by the same factor."}),
    Question("A causal decoder has no positions at all. Can it learn anything about order?",
             right="Yes, with two layers or more: the mask itself breaks the symmetry",
             why="Each token sees another number of predecessors; the first layer can turn that into a position, the next one can use it.",
             wrong={"No: attention is blind to order": "That holds without a mask; a causal mask treats positions differently.",
                    "Yes, already with one layer, at the last token":
                        "The last token sees all tokens, as without a mask; one layer gives it a bag of words."}),
]
