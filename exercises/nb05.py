"""Checks and quiz of notebook 05, attention."""

import math

import torch
from torch.nn import functional as F

from utils.checks import Hint, NotAttempted, Question, call, close, expect


def _tril(T, diagonal=0):
    return torch.ones(T, T, dtype=torch.bool).tril(diagonal)


def _attention_case(seed, B, H, T, S, d):
    """Inputs of exercise 1; each row and each column of the mask has both values, so no mistake hides behind a nan."""
    g = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(B, H, n, d, generator=g) for n in (T, S, S))
    t, s = torch.arange(T)[:, None], torch.arange(S)
    mask = (torch.rand(B, 1, T, S, generator=g) > 0.4) & ((t + 1) % S != s)  # a False in each row
    return q, k, v, mask | (t % S == s) | ((s % T == t) & (s >= T))  # a True in each row and column


def check_1(answer):
    """the mixtures of the values alone, one tensor (B, H, T, d)"""
    gives = "the mixtures of the values alone, one tensor (B, H, T, d)"
    B, H, T, S, d = 2, 3, 5, 7, 6
    q, k, v, mask = _attention_case(5, B, H, T, S, d)
    out = call(answer, q, k, v, mask, kind="tensor", gives=gives)
    expect(out.shape != (B, H, T, S), "these are the weights, (B, H, T, S); the result is the weights times v, (B, H, T, d)")
    expect(out.shape == (B, H, T, d),
           f"the result has shape {tuple(out.shape)}, expected (B, H, T, d) = {(B, H, T, d)}: weights are (T, S), times v (S, d)")
    expect(not out.isnan().any(), "there is a nan: 0 times minus infinity, or a softmax over nothing but minus infinity. "
           "Use masked_fill (where mask is False), and softmax over the keys")
    dots = q @ k.transpose(-2, -1)
    scaled = dots / math.sqrt(d)
    if not close(out, F.scaled_dot_product_attention(q, k, v, attn_mask=mask)):

        def mixed(scores, allowed=mask):
            return scores.masked_fill(~allowed, float("-inf")).softmax(-1) @ v

        everything = torch.ones_like(mask)
        expect(not close(out, mixed(dots)), "the scores are not divided by the root of d")
        expect(not close(out, mixed(dots / d)), "the scores are divided by d; divide by its square root")
        expect(not close(out, mixed(dots * math.sqrt(d))), "the scores are multiplied by the root of d; divide by it")
        expect(not any(close(out, mixed(dots / math.sqrt(n))) for n in (T, S)),
               "the scores are divided by the root of a length; it is d, the last size of q, that counts")
        expect(not any(close(out, mixed(dots / math.sqrt(n))) for n in (H, H * d)),
               "the scores are divided by the root of a size that has the number of heads in it; only d counts, the width of one head")
        expect(not close(out, mixed(scaled, everything)), "the mask was not used")
        expect(not close(out, mixed(scaled, ~mask)),
               "the mask is the wrong way round: True means may attend here, so the scores where it is False are set to minus infinity")
        expect(not close(out, mixed(scaled + mask, everything)),
               "the mask is added as zeros and ones, which hides nothing: set the scores where it is False to minus infinity")
        expect(not close(out, scaled.softmax(-1).masked_fill(~mask, 0.0) @ v),
               "the mask is applied after softmax, so rows no longer sum to one: mask the scores")
        expect(not close(out, mixed(scaled.masked_fill(~mask, 0.0), everything)),
               "masked scores are set to 0, but softmax turns a score of 0 into a weight above 0: use minus infinity")
        expect(not close(out, scaled.masked_fill(~mask, float("-inf")).softmax(-2) @ v),
               "rows sum to one along the wrong axis: softmax runs over the keys, dim=-1")
        expect(not close(out, scaled.masked_fill(~mask, 0.0) @ v), "softmax is missing: the scores themselves were multiplied with v")
        raise Hint("shapes are right, but the numbers differ from F.scaled_dot_product_attention: scores / root of d, minus infinity where the "
                   "mask is False, softmax, times v")
    q, k, v, mask = _attention_case(6, 1, 2, 4, 3, 9)
    out = call(answer, q, k, v, mask, kind="tensor", gives=gives)
    expect(close(out, F.scaled_dot_product_attention(q, k, v, attn_mask=mask)),
           "right for d = 6, wrong for other sizes (d = 9, T = 4, S = 3): is a size written as a number?")


def check_2(answer):
    """one tensor: (B, H, T, d_head) for the cut, (B, T, d_model) for join=True"""
    B, T, H, d = 2, 5, 3, 4
    x = torch.arange(float(B * T * H * d)).view(B, T, H * d)
    out = call(answer, x, H, kind="tensor", gives="cut: one tensor (B, H, T, d_head)")
    expect(out.shape != (B, T, H, d), "the heads are cut, but still behind the positions: exchange dimensions 1 and 2")
    expect(out.shape != (B, H, d, T), "the last two dimensions are exchanged: the result is (B, H, T, d_head)")
    expect(out.shape == (B, H, T, d), f"cut: shape {tuple(out.shape)}, expected (B, H, T, d_head) = {(B, H, T, d)}")
    expect(not close(out, x.view(B, H, T, d)),
           "the shape is right and the numbers are not: a view alone gives head 0 the first tokens; cut the features first, then exchange T and H")
    expect(not close(out, x.view(B, T, d, H).permute(0, 3, 1, 2)),
           "each head takes every H-th feature; a head is d_head features in a row: view(B, T, H, d_head)")
    expect(close(out, x.view(B, T, H, d).transpose(1, 2)), "cut: the shape is right, the numbers differ from view followed by transpose")
    y = torch.arange(float(B * H * T * d)).view(B, H, T, d)
    try:
        back = call(answer, y, H, join=True, kind="tensor", gives="join: one tensor (B, T, d_model)")
    except NotAttempted:
        raise Hint("the cut is right; with join=True your function returns nothing yet") from None
    expect(back.shape != (B, T, H, d), "join: the heads stand behind the positions now, but are not merged yet: reshape the last two sizes into one")
    expect(back.shape == (B, T, H * d), f"join: shape {tuple(back.shape)}, expected (B, T, d_model) = {(B, T, H * d)}")
    expect(not close(back, y.reshape(B, T, H * d)), "join: reshape alone mixes positions of one head; exchange H and T first")
    expect(not close(back, y.permute(0, 2, 3, 1).reshape(B, T, H * d)),
           "join: the features of the heads alternate; a head's features stay side by side, head after head")
    expect(close(back, y.transpose(1, 2).reshape(B, T, H * d)), "join: the shape is right, but it does not undo the cut")
    B, T, H, d = 3, 4, 2, 18
    x = torch.arange(float(B * T * H * d)).view(B, T, H * d)
    heads = x.view(B, T, H, d).transpose(1, 2)
    expect(close(call(answer, x, H, kind="tensor", gives="cut: one tensor"), heads),
           f"cut: right for 3 heads of 4 features, wrong for {H} heads of {d}: is a size written as a number?")
    expect(close(call(answer, heads, H, join=True, kind="tensor", gives="join: one tensor"), x),
           f"join: right for 3 heads of 4 features, wrong for {H} heads of {d}: is a size written as a number?")


def check_3(answer):
    """a boolean tensor (B, 1, T, T), True = may attend"""

    def mask_of(tokens, *pad_id):
        B, T = tokens.shape
        out = call(answer, tokens, *pad_id, kind="tensor", gives="a boolean tensor (B, 1, T, T)")
        expect(out.dtype == torch.bool, f"the mask must be boolean, not {out.dtype}: combine comparisons with &, not with * or +")
        expect(out.shape != (B, T, T), "the dimension of the heads is missing: (B, 1, T, T), so that the mask broadcasts over the heads")
        expect(out.shape == (B, 1, T, T), f"shape {tuple(out.shape)}, expected (B, 1, T, T) = {(B, 1, T, T)}")
        return out

    tokens = torch.tensor([[7, 3, 9, 4, 2], [5, 8, 6, 0, 0], [0, 0, 0, 4, 1]])
    T = tokens.shape[1]
    causal, real = _tril(T), tokens != 0
    as_key, as_query = real[:, None, None, :], real[:, None, :, None]
    right, out = as_key & causal, mask_of(tokens)
    expect(not torch.equal(out, ~right), "the mask is the wrong way round: True = may attend")
    expect(not torch.equal(out, as_query & causal),
           "the padding is blocked as a query (rows); it must be blocked as a key (columns): [:, None, None, :]")
    expect(not torch.equal(out, as_query & as_key & causal),
           "padding is blocked as a query as well as a key; block the keys alone: what a padded query computes is used nowhere")
    expect(not torch.equal(out, as_key | causal), "the two masks are joined with 'or'; a key must be real AND not in the future")
    expect(not torch.equal(out, as_key & causal.T), "the causal part is upside down: row i may see columns up to i (tril)")
    expect(not torch.equal(out, as_key & _tril(T, -1)), "a token may see itself: keep the diagonal")
    expect(not torch.equal(out, causal.expand_as(right)), "padding is not blocked")
    expect(not torch.equal(out, as_key.expand_as(right)), "the future is not blocked: the causal mask is missing")
    first = torch.arange(T) < real.sum(1, keepdim=True)
    expect(not torch.equal(out, first[:, None, None, :] & causal),
           "this takes the first n tokens for the real ones, and padding may stand on the left: compare each token with pad_id")
    expect(torch.equal(out, right), "some entries differ: each key must be real and not in the future")
    tokens = torch.tensor([[9, 9, 3, 1, 0, 2, 4], [0, 5, 1, 1, 2, 9, 9]])
    out = mask_of(tokens, 9)
    expect(not torch.equal(out, (tokens != 0)[:, None, None, :] & _tril(7)), "pad_id is ignored: padding is not always 0")
    expect(torch.equal(out, (tokens != 9)[:, None, None, :] & _tril(7)),
           "right for pad_id=0, wrong for another batch with pad_id=9: there 9 is padding, 0 a token like any other, and T is 7")


def check_4(answer):
    """a boolean tensor (T, T), True = may attend"""

    def window_mask(T, window):
        out = call(answer, T, window, kind="tensor", gives="a boolean tensor (T, T)")
        expect(out.dtype == torch.bool, f"the mask must be boolean (True = may attend), not {out.dtype}")
        expect(out.shape == (T, T), f"the mask has shape {tuple(out.shape)}, expected (T, T) = {(T, T)}")
        return out

    T, window = 7, 3
    out = window_mask(T, window)
    distance = torch.arange(T)[:, None] - torch.arange(T)[None, :]
    past = distance >= 0
    right = past & (distance < window)
    expect(not torch.equal(out, ~right), "the mask is the wrong way round: True = may attend")
    expect(not torch.equal(out, past & (distance <= window)), "each query sees one key too many: the window counts the token itself")
    expect(not torch.equal(out, past & (distance < window - 1)),
           "each query sees one key too few: the window is the token itself and window - 1 before it")
    expect(not any(torch.equal(out, (distance > 0) & (distance < n)) for n in (window, window + 1)),
           "a token must see itself; it is the first of its window")
    expect(not torch.equal(out, distance.abs() < window), "this window looks ahead as well: the future must stay hidden")
    expect(not torch.equal(out, right.T), "rows and columns are exchanged: row i is the query and sees the past (columns up to i)")
    expect(not torch.equal(out, past), "this is the full causal mask: older keys than the window must be hidden")
    expect(not torch.equal(out, past & (distance >= window)), "this shows what lies outside the window and hides what lies inside")
    expect(not torch.equal(out, distance % T < window), "the first queries see the last keys: negative indices count from the end; stop at key 0")
    block = torch.arange(T) // window
    expect(not torch.equal(out, past & (block[:, None] == block)),
           "these windows are fixed blocks; each query has a window of its own, which ends at that query")
    expect(torch.equal(out, right), "some entries are wrong: query i sees keys i - window + 1 to i")
    expect(torch.equal(window_mask(6, 2), _tril(6) & ~_tril(6, -2)),
           "right for window = 3, wrong for T = 6 and window = 2: is a size written as a number?")
    expect(torch.equal(window_mask(4, 9), _tril(4)), "with a window wider than the text it should be the causal mask")
    expect(torch.equal(window_mask(5, 1), torch.eye(5, dtype=torch.bool)), "with window = 1 each token should see itself alone")


QUIZ = [
    Question("Why are the scores divided by the root of the head's width?",
             right="So that their variance does not grow with the width",
             why="A dot product of d independent terms has variance d; divided by the root of d it is one, and softmax stays out of saturation.",
             wrong={"So that the weights of a row sum to one": "Softmax does that, whatever the scale of the scores.",
                    "To save memory": "The score matrix has the same size with and without the division."}),
    Question("A batch holds a padded sentence. What must the mask block?",
             right="The padding as keys, for all queries",
             why="A padded position may compute what it likes; what matters is that no real token mixes its value in.",
             wrong={"The padding as queries only": "Then real tokens would still mix the padding's values in.",
                    "Nothing, since padding embeddings are zero":
                        "A score of zero still gets a positive weight from softmax, and biases make keys non-zero."}),
    Question("In cross-attention of a decoder, where do keys and values come from?",
             right="From the encoder's output",
             why="The decoder asks (queries), the source answers (keys and values); so T and S may differ.",
             wrong={"From the decoder's earlier tokens": "That is the decoder's self-attention.",
                    "Keys from the encoder, values from the decoder":
                        "A weight says how much of the value to take; key and value belong to the same token."}),
    Question("Twice as many tokens: what happens to the memory of the weights?",
             right="It quadruples",
             why="There is one weight for each pair of a query and a key, and for each head: H times T squared.",
             wrong={"It doubles": "That holds for the keys and values, not for the pairs.",
                    "It stays, since d_model stays": "The weights' size depends on the length and the heads, not on d_model."}),
]
