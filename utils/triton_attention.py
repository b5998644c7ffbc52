"""The tiled attention of notebook 12 as one GPU kernel in Triton: the forward pass, each block of queries on its own.

The notebook shows this text to everybody and imports it only where an NVIDIA GPU and Triton are. tests/test_triton_attention.py runs it
without either, with PyTorch standing in for Triton's language.
Source of the algorithm: Dao 2023, FlashAttention-2, algorithm 1.
"""

import math

import torch
import triton
import triton.language as tl


@triton.jit
def _forward(q, k, v, out, log_sums, T, scale, CAUSAL: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr):
    i, head = tl.program_id(0), tl.program_id(1)  # one program for each tile of queries in each head
    start = head.to(tl.int64) * T * WIDTH
    rows, features, columns = i * TILE + tl.arange(0, TILE), tl.arange(0, WIDTH), tl.arange(0, TILE)
    places = start + rows[:, None] * WIDTH + features[None, :]
    queries = tl.load(q + places, mask=rows[:, None] < T, other=0.0)  # (TILE, WIDTH), from the slow memory once
    biggest = tl.full([TILE], -float("inf"), tl.float32)
    total = tl.zeros([TILE], tl.float32)
    mixed = tl.zeros([TILE, WIDTH], tl.float32)
    end = tl.minimum((i + 1) * TILE, T) if CAUSAL else T
    for j in range(0, end, TILE):
        keys = j + columns
        there = start + keys[:, None] * WIDTH + features[None, :]
        block = tl.load(k + there, mask=keys[:, None] < T, other=0.0)
        scores = tl.dot(queries, tl.trans(block), input_precision="ieee") * scale  # (TILE, TILE), never leaves the chip
        seen = (keys[None, :] < T) & ((keys[None, :] <= rows[:, None]) | (not CAUSAL))
        scores = tl.where(seen, scores, -float("inf"))
        new = tl.maximum(biggest, tl.max(scores, 1))
        weights = tl.exp(scores - new[:, None])
        shrink = tl.exp(biggest - new)
        total = total * shrink + tl.sum(weights, 1)
        block = tl.load(v + there, mask=keys[:, None] < T, other=0.0)
        mixed = mixed * shrink[:, None] + tl.dot(weights.to(block.dtype), block, input_precision="ieee")
        biggest = new
    tl.store(out + places, (mixed / total[:, None]).to(out.dtype.element_ty), mask=rows[:, None] < T)
    tl.store(log_sums + head.to(tl.int64) * T + rows, biggest + tl.log(total), mask=rows < T)


def triton_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool = True, tile: int = 64
) -> tuple[torch.Tensor, torch.Tensor]:
    """q, k, v (B, H, T, d_head) -> out (B, H, T, d_head) and the log of each row's sum (B, H, T).

    d_head must be a power of two, 16 or more (the matrix units want that); raises ValueError otherwise.
    """
    B, H, T, d_head = q.shape
    if d_head < 16 or d_head & (d_head - 1):
        raise ValueError(f"d_head must be a power of two, 16 or more, not {d_head}")
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    out, log_sums = torch.empty_like(q), torch.empty(B, H, T, dtype=torch.float32, device=q.device)
    grid = (triton.cdiv(T, tile), B * H)
    _forward[grid](q, k, v, out, log_sums, T, 1 / math.sqrt(d_head), CAUSAL=causal, TILE=tile, WIDTH=d_head)
    return out, log_sums
