"""Checks and quiz of notebook 12, RoPE and FlashAttention."""

import math

import torch

from utils.checks import Question, call, close, describe, expect


def turned(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Neighbouring pairs of x (T, d) turned by angles (T, d / 2), as complex numbers: (T, d / 2, 2)."""
    pairs = torch.view_as_complex(x.unflatten(1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles))


def check_1(answer):
    """a tensor (T, d), features 2i and 2i + 1 turned counter-clockwise by angles[:, i]"""
    gives = "one tensor (T, d), the turned features"

    def same(a, b):
        return close(a, b, atol=1e-4)

    generator = torch.Generator().manual_seed(12)
    x, angles = torch.randn(5, 6, generator=generator), 3 * torch.rand(5, 3, generator=generator)
    right = turned(x, angles)
    out = call(answer, x, angles, kind="tensor", gives=gives)
    expect(not out.is_complex(), "the result is complex: torch.view_as_real gives the two parts of every number back, then flatten")
    expect(out.shape == x.shape, f"the result has shape {tuple(out.shape)}, expected (T, d) = {tuple(x.shape)}: as many features as before")
    expect(not same(out, x), "nothing is turned: x came back as it was")
    half = torch.cat([angles, angles], dim=-1)
    first, second = x.chunk(2, dim=-1)
    expect(not same(out, x * half.cos() + torch.cat([-second, first], dim=-1) * half.sin()),
           "this turns feature i with i + d/2 (halves); here the pairs are neighbours, 0 with 1 and 2 with 3")
    expect(not same(out, turned(x, -angles).flatten(1)),
           "this turns clockwise: the minus sign belongs to the first feature, even · cos - odd · sin")
    expect(not same(out, right.transpose(1, 2).flatten(1)),
           "the pairs are turned rightly but put back as all first features, then all second ones: they must alternate (stack, then flatten)")
    even, odd, cos, sin = x[:, 0::2], x[:, 1::2], angles.cos(), angles.sin()
    overwritten = torch.stack([even * cos - odd * sin, (even * cos - odd * sin) * sin + odd * cos], dim=-1).flatten(1)
    expect(not same(out, overwritten), "the odd features were computed from even ones that were turned already: keep the old ones first")
    neighbours = torch.stack([-odd, even], dim=-1).flatten(1)
    expect(not same(out, x * half.cos() + neighbours * half.sin()),
           "features 2i and 2i + 1 need the same angle, angles[:, i]: repeat each angle in turn (repeat_interleave), not the whole row (cat)")
    turned_odd = even * sin + odd * cos
    expect(not same(out, torch.stack([even * cos - turned_odd * sin, turned_odd], dim=-1).flatten(1)),
           "the even features were computed from odd ones that were turned already: keep the old ones first")
    each = angles.repeat_interleave(2, dim=-1)
    expect(not same(out, x * each.cos() + torch.cat([-second, first], dim=-1) * each.sin()),
           "the angles are in the order of neighbours, but the partner of feature i is still i + d/2 (halves): no rotation at all")
    expect(not same(out, torch.stack([even * sin - odd * cos, even * cos + odd * sin], dim=-1).flatten(1)),
           "sine and cosine are exchanged: an angle of 0 must leave x as it is")
    expect(not same(out, turned(x, angles[:1].expand_as(angles)).flatten(1)),
           "every position is turned by the angles of the first: row t of x by row t of angles")
    expect(not same(out, turned(x, angles[:, :1].expand_as(angles)).flatten(1)),
           "every pair is turned by the first pair's angle: pair i has its own, angles[:, i]")
    expect(close(out.float().norm(dim=-1), x.norm(dim=-1), atol=1e-4),
           "the length of the vectors changes; a rotation keeps it: look at the signs of the sines, for a missing sine or cosine, and for a feature overwritten too early")
    expect(same(out, right.flatten(1)), "some features are wrong: (even · cos - odd · sin, even · sin + odd · cos), pair by pair")
    x, angles = torch.randn(3, 10, generator=generator), 3 * torch.rand(3, 5, generator=generator)
    again = call(answer, x, angles, kind="tensor", gives=gives)
    expect(same(again, turned(x, angles).flatten(1)), "right for (5, 6), but not for (3, 10): take T and d from the arguments' shapes")


def check_2(answer):
    """a tensor (T, d), the attention output over both halves of the keys"""
    gives = "one tensor (T, d), the merged output"

    def same(a, b):
        return close(a, b, atol=1e-4)

    def part(scores, values):
        m = scores.amax(dim=1, keepdim=True)
        weights = (scores - m).exp()
        return m, weights.sum(dim=1, keepdim=True), weights @ values

    generator = torch.Generator().manual_seed(13)
    scores, values = 4 * torch.randn(5, 7, generator=generator), torch.randn(7, 3, generator=generator)
    scores[0, 5] += 15  # the largest of row 0 lies in the second half
    scores[1, 0] += 15
    scores[2] = scores[2] / 4 + 800  # exp(m) alone overflows, in float64 as well; both halves count here
    scores[3, :4] -= 800  # the two maxima lie so far apart that exp(+800) overflows
    scores[4, 4:] -= 800
    first, second = part(scores[:, :4], values[:4]), part(scores[:, 4:], values[4:])
    right = scores.softmax(dim=1) @ values
    out = call(answer, first, second, kind="tensor", gives=gives)
    expect(out.shape == right.shape and not out.is_complex(), f"expected a real tensor (T, d) = {tuple(right.shape)}, yours: {describe(out)}")
    (m1, l1, o1), (m2, l2, o2) = first, second
    expect(not same(out, (o1 + o2) / (l1 + l2)),
           "the two halves are measured against different maxima: shrink each by exp(its m - the larger m) before adding")
    expect(not same(out, (o1 / l1 + o2 / l2) / 2), "this averages two finished softmaxes: the half with the larger scores must count for more")
    expect(not same(out, torch.where(m1 > m2, o1 / l1, o2 / l2)),
           "only the half with the larger score is used: the other counts too, by its sum and mixture")
    top = torch.maximum(m1, m2)
    a, b = (m1 - top).exp(), (m2 - top).exp()
    expect(not same(out, (o1 * a + o2 * b) / (l1 + l2)), "o is shrunk, l is not: both are sums of the same exponentials")
    expect(not same(out, (o1 + o2) / (l1 * a + l2 * b)), "l is shrunk, o is not: both are sums of the same exponentials")
    expect(not same(out, o1 * a + o2 * b), "the division by the merged sum is missing")
    expect(not same(out, (o1 / l1 * a + o2 / l2 * b) / (a + b)),
           "a finished half must count by its sum l as well: weight it with l · exp(m - top), or merge before dividing")
    logits = torch.stack([m1 + l1, m2 + l2]).softmax(dim=0)
    expect(not same(out, logits[0] * o1 / l1 + logits[1] * o2 / l2), "a half's weight is l · exp(m), so inside the softmax it is m + log l, not m + l")
    expect(out.isfinite().all(),
           "infinite or nan for large scores: shrink both halves by exp(m - top), top being the larger of their two maxima, row by row; "
           "no exponent may be positive (m - top, not top - m)")
    expect(same(out, right), "some rows are wrong: compare with a softmax over all keys at once")
    scores, values = 2 * torch.randn(3, 8, generator=generator), torch.randn(8, 6, generator=generator)
    again = call(answer, part(scores[:, :3], values[:3]), part(scores[:, 3:], values[3:]), kind="tensor", gives=gives)
    expect(same(again, scores.softmax(dim=1) @ values), "right once, but not for other halves with other T and d: use the arguments and their shapes")


def check_3(answer):
    """one number, the new base: base times scale to the power d_head / (2 pair)"""
    gives = "one number, the new base"
    base, scale, d_head, pair = 10_000.0, 4.0, 64, 19
    out = call(answer, base, scale, d_head, pair, kind=float, gives=gives)

    def near(value):
        return math.isclose(out, value, rel_tol=1e-4)

    expect(not near(base * scale ** (64 / 62)), "that is the base for the slowest pair, whatever `pair` says")
    expect(not near(base * scale ** (2 * pair / d_head)), "the exponent is turned round: from b'^(2i/d) = s · b^(2i/d) take the root on both sides")
    expect(not near(base * scale ** (d_head / pair)), "the exponent of pair i is 2i/d, not i/d: the factor of two is missing")
    expect(not near(base * scale ** (d_head / (2 * pair + 2))), "pairs are counted from 0, and pair 0 has the exponent 0: 2i/d, not 2(i + 1)/d")
    expect(not near(base * scale),
           "base · scale is right only for a pair with 2i = d, which there is not (and d_head // (2 * pair) is 1 here: divide with /): raise scale to the power that the pair's exponent asks for")
    raised = (base * scale) ** (d_head / (2 * pair)), base ** (d_head / (2 * pair)) * scale
    expect(not any(near(value) for value in raised), "only the scale is raised to d/(2i); the old base keeps its power of one")
    expect(not near(scale ** (d_head / (2 * pair))), "this is the factor by which the base grows; multiply the base by it")
    expect(not near(base ** (-2 * pair / d_head) / scale), "this is the pair's new frequency; solve b'^(-2i/d) = it for the base b'")
    expect(not out <= base, "the base must grow: a larger base turns more slowly")
    slower = (out / base) ** (2 * pair / d_head)
    expect(near(base * scale ** (d_head / (2 * pair))),
           f"with this base pair 19 turns {slower:.2f} times slower, asked for are 4: solve b'^(-2i/d) = b^(-2i/d) / s")
    out = call(answer, 500.0, 3.0, 22, 7, kind=float, gives=gives)
    expect(near(500.0 * 3.0 ** (22 / 14)), "another base, scale, width or pair gives a wrong result: use the arguments")


QUIZ = [
    Question(
        "A query and a key stand at positions (10, 5), then at (1,010, 1,005). How do their two scores under RoPE compare?",
        right="they are equal",
        why="(R_m q)ᵀ(R_n k) depends on n - m alone",
        wrong={
            "the later one is smaller": "turning keeps lengths, and the angle between the two depends on their distance alone",
            "they are equal for the fast pairs only": "it holds for each pair on its own, at any speed",
        },
    ),
    Question(
        "Why does linear interpolation hurt a model that was not trained again, even on short texts?",
        right="it slows the fast pairs too, so neighbouring tokens look closer than ever in training",
        why="a distance of 1 now turns the fastest pair by 1 / s radians; the rules that spare the fast pairs cost less",
        wrong={
            "the slow pairs reach unknown angles": "they reach smaller angles than before; that is the rule's purpose",
            "it needs more memory": "only the speeds change",
        },
    ),
    Question(
        "What must tiled attention keep of the forward pass for the backward pass?",
        right="q, k, v, the output and one number a row",
        why="the weights of a tile are recomputed as exp(score - Z), Z being the row's log-sum",
        wrong={
            "the T × T weights": "that is what recomputation avoids",
            "only the output": "the scores are recomputed from q and k, and their gradients need v",
        },
    ),
    Question(
        "FlashAttention does more arithmetic than plain attention. Why is it faster on a GPU?",
        right="it moves far fewer bytes between slow and fast memory",
        why="plain attention writes and reads T × T numbers several times; arithmetic is cheap beside that",
        wrong={
            "it approximates softmax": "it is exact; we compared it to the default tolerances",
            "its cost is linear in T": "its memory is linear; the arithmetic is still quadratic",
        },
    ),
]
