"""Checks and quiz of notebook 05, attention."""

import math

import torch
from torch.nn import functional as F

from utils.checks import Question, call, expect


def close(a, b) -> bool:
    return torch.is_tensor(a) and a.shape == b.shape and torch.allclose(a.float(), b.float(), atol=1e-5)


def check_1(answer):
    g = torch.Generator().manual_seed(5)
    B, H, T, S, d = 2, 3, 5, 7, 4
    q, k, v = (torch.randn(B, H, n, d, generator=g) for n in (T, S, S))
    mask = torch.rand(B, 1, T, S, generator=g) > 0.4
    mask[..., 0] = True
    out = call(answer, q, k, v, mask)
    right = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    expect(torch.is_tensor(out), "return the mixture of the values alone, one tensor (B, H, T, d)")
    expect(out.shape == right.shape, f"the result has shape {tuple(out.shape)}, expected (B, H, T, d) = {tuple(right.shape)}: weights are (T, S), times v (S, d)")
    scores = q @ k.transpose(-2, -1)
    masked = (scores / math.sqrt(d)).masked_fill(~mask, float("-inf"))
    expect(not out.isnan().any(), "there is a nan: softmax over a whole row of minus infinity. Does the mask say True = may attend, and is the softmax over the keys?")
    expect(not close(out, scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v), "the scores are not divided by the root of d")
    expect(not close(out, (scores / d).masked_fill(~mask, float("-inf")).softmax(-1) @ v), "the scores are divided by d; divide by its square root")
    expect(not close(out, (scores / math.sqrt(d)).softmax(-1) @ v), "the mask was not used")
    expect(not close(out, (scores / math.sqrt(d)).masked_fill(mask, -1e9).softmax(-1) @ v),
           "the mask is the wrong way round: True means may attend here, so the scores where it is False are set to minus infinity")
    late = (scores / math.sqrt(d)).softmax(-1).masked_fill(~mask, 0.0)
    expect(not close(out, late @ v), "the mask is applied after softmax, so rows no longer sum to one: mask the scores")
    expect(not close(out, (scores / math.sqrt(d)).masked_fill(~mask, 0.0).softmax(-1) @ v),
           "masked scores are set to 0, but softmax turns a score of 0 into a weight above 0: use minus infinity")
    expect(not close(out, masked.softmax(-2).nan_to_num(0.0) @ v), "rows sum to one along the wrong axis: softmax runs over the keys, dim=-1")
    expect(close(out, right), "shapes are right, but the numbers differ from F.scaled_dot_product_attention")


def check_2(answer):
    B, T, H, d = 2, 5, 3, 4
    x = torch.arange(float(B * T * H * d)).view(B, T, H * d)
    out = call(answer, x, H)
    expect(torch.is_tensor(out), "return one tensor")
    right = x.view(B, T, H, d).transpose(1, 2)
    expect(out.shape != (B, T, H, d), "the heads are cut, but still behind the positions: exchange dimensions 1 and 2")
    expect(out.shape != (B, H, d, T), "the last two dimensions are exchanged: the result is (B, H, T, d_head)")
    expect(out.shape == right.shape, f"cut: shape {tuple(out.shape)}, expected (B, H, T, d_head) = {tuple(right.shape)}")
    expect(not close(out, x.view(B, H, T, d)), "the shape is right and the numbers are not: a view alone gives head 0 the first tokens; cut the features first, then exchange T and H")
    expect(not close(out, x.view(B, T, d, H).permute(0, 3, 1, 2)), "each head takes every H-th feature; a head is d_head features in a row: view(B, T, H, d_head)")
    expect(close(out, right), "cut: the shape is right, the numbers differ from view followed by transpose")
    y = torch.arange(float(B * H * T * d)).view(B, H, T, d)
    back = call(answer, y, H, join=True)
    expect(torch.is_tensor(back) and back.shape == (B, T, H * d), f"join: shape {tuple(back.shape)}, expected (B, T, d_model) = {(B, T, H * d)}")
    expect(not close(back, y.reshape(B, T, H * d)), "join: reshape alone mixes positions of one head; exchange H and T first")
    expect(close(back, y.transpose(1, 2).reshape(B, T, H * d)), "join: it should undo the cut")


def check_3(answer):
    tokens = torch.tensor([[7, 3, 9, 4, 2], [5, 8, 6, 0, 0], [4, 0, 0, 0, 0]])
    T = tokens.shape[1]
    causal, real = torch.ones(T, T, dtype=torch.bool).tril(), tokens != 0
    right = real[:, None, None, :] & causal
    out = call(answer, tokens)
    expect(torch.is_tensor(out) and out.dtype == torch.bool, "the mask must be a boolean tensor; combine with &, not with * or +")
    expect(out.shape == right.shape, f"shape {tuple(out.shape)}, expected (B, 1, T, T) = {tuple(right.shape)}")
    expect(not torch.equal(out, ~right), "the mask is the wrong way round: True = may attend")
    expect(not torch.equal(out, real[:, None, :, None] & causal), "the padding is blocked as a query (rows); it must be blocked as a key (columns): [:, None, None, :]")
    expect(not torch.equal(out, real[:, None, None, :] | causal), "the two masks are joined with 'or'; a key must be real AND not in the future")
    expect(not torch.equal(out, real[:, None, None, :] & causal.T), "the causal part is upside down: row i may see columns up to i (tril)")
    expect(not torch.equal(out, real[:, None, None, :] & torch.ones(T, T, dtype=torch.bool).tril(-1)), "a token may see itself: keep the diagonal")
    expect(not torch.equal(out, causal.expand_as(right)), "padding is not blocked")
    expect(torch.equal(out, right), "some entries differ: each key must be real and not in the future")
    other = call(answer, torch.tensor([[1, 1, 9]]), 9)
    expect(torch.equal(other, torch.tensor([[[[1, 0, 0], [1, 1, 0], [1, 1, 0]]]]).bool()), "pad_id is ignored: padding is not always 0")


def check_4(answer):
    T, window = 7, 3
    out = call(answer, T, window)
    distance = torch.arange(T)[:, None] - torch.arange(T)[None, :]
    right = (distance >= 0) & (distance < window)
    expect(torch.is_tensor(out) and out.dtype == torch.bool and out.shape == (T, T), f"the result must be boolean of shape ({T}, {T})")
    expect(not torch.equal(out, (distance >= 0) & (distance <= window)), "each query sees one key too many: the window counts the token itself")
    expect(not torch.equal(out, (distance > 0) & (distance <= window)), "a token must see itself; it is the first of its window")
    expect(not torch.equal(out, (distance > 0) & (distance < window)), "a token must see itself; it is the first of its window")
    expect(not torch.equal(out, distance.abs() < window), "this window looks ahead as well: the future must stay hidden")
    expect(not torch.equal(out, right.T), "rows and columns are exchanged: row i is the query and sees the past (columns up to i)")
    expect(not torch.equal(out, distance >= 0), "this is the full causal mask: older keys than the window must be hidden")
    expect(torch.equal(out, right), "some entries are wrong: query i sees keys i - window + 1 to i")
    expect(torch.equal(call(answer, 4, 9), torch.ones(4, 4, dtype=torch.bool).tril()), "with a window wider than the text it should be the causal mask")


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
                    "Nothing, since padding embeddings are zero": "A score of zero still gets a positive weight from softmax, and biases make keys non-zero."}),
    Question("In cross-attention of a decoder, where do keys and values come from?",
             right="From the encoder's output",
             why="The decoder asks (queries), the source answers (keys and values); so T and S may differ.",
             wrong={"From the decoder's earlier tokens": "That is the decoder's self-attention.",
                    "Keys from the encoder, values from the decoder": "A weight says how much of the value to take; key and value belong to the same token."}),
    Question("Twice as many tokens: what happens to the memory of the weights?",
             right="It quadruples",
             why="There is one weight for each pair of a query and a key, and for each head: H times T squared.",
             wrong={"It doubles": "That holds for the keys and values, not for the pairs.",
                    "It stays, since d_model stays": "The weights' size depends on the length and the heads, not on d_model."}),
]
