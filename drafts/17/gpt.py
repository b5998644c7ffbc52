"""Draft of what notebook 17 will export (lessons/gpt.py): GPT with a cache, its start, transformers' weights, sampling rules, beam search."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from lessons.attention import MultiHeadAttention, causal_mask


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a GPT. max_len: the most tokens it has positions for; d_ff: 4 * d_model where None."""

    vocab_size: int
    max_len: int
    d_model: int
    n_heads: int
    n_layers: int
    d_ff: int | None = None
    dropout: float = 0.0


class GPTBlock(nn.Module):
    """One pre-norm decoder layer without cross-attention: x (B, T, d_model) -> the same. Radford et al. 2019, section 2.3.

    mask: boolean, broadcastable to (B, H, T, S), True = may attend. cache: a dictionary that keeps keys and values (B, H, S, d_head) between calls.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        d_model, d_ff = config.d_model, config.d_ff or 4 * config.d_model
        self.attention = MultiHeadAttention(d_model, config.n_heads, config.dropout)
        self.up, self.down = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.norm1, self.norm2, self.dropout = nn.LayerNorm(d_model), nn.LayerNorm(d_model), nn.Dropout(config.dropout)

    def attend(self, x: torch.Tensor, mask: torch.Tensor, cache: dict | None) -> torch.Tensor:
        a, (B, T, d_model) = self.attention, x.shape
        q, k, v = a.split(a.W_q(x)), a.split(a.W_k(x)), a.split(a.W_v(x))  # (B, H, T, d_head)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache["k"], k), dim=2), torch.cat((cache["v"], v), dim=2)  # (B, H, S, d_head)
            cache["k"], cache["v"] = k, v
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=a.dropout if self.training else 0.0)
        return a.W_o(out.transpose(1, 2).reshape(B, T, d_model))

    def forward(self, x: torch.Tensor, mask: torch.Tensor, cache: dict | None = None) -> torch.Tensor:
        x = x + self.dropout(self.attend(self.norm1(x), mask, cache))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh")))


class GPT(nn.Module):
    """GPT-2: tokens (B, T) -> logits (B, T, vocab_size), the head tied to the embedding. Radford et al. 2019.

    mask (B, S): True = real token, S counts cached tokens too; positions count real tokens only, so padding may stand on the left.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.max_len, config.d_model)
        self.blocks = nn.ModuleList(GPTBlock(config) for _ in range(config.n_layers))
        self.norm, self.dropout = nn.LayerNorm(config.d_model), nn.Dropout(config.dropout)
        start_gpt(self)

    def forward(
        self, tokens: torch.Tensor, mask: torch.Tensor | None = None, caches: list[dict] | None = None
    ) -> torch.Tensor:
        B, T = tokens.shape
        past = caches[0]["k"].shape[2] if caches and caches[0] else 0
        S = past + T
        if S > self.config.max_len:
            raise ValueError(f"{S} tokens, but this model has positions for {self.config.max_len}: cut the text from the left")
        may = causal_mask(S)[past:].to(tokens.device)[None, None]  # (1, 1, T, S)
        position = torch.arange(past, S, device=tokens.device)[None]  # (1, T)
        if mask is not None:
            if mask.shape != (B, S):
                raise ValueError(f"the mask must be ({B}, {S}), a column for each token so far, got {tuple(mask.shape)}")
            itself = torch.eye(S, dtype=torch.bool, device=tokens.device)[past:]  # padding may look at itself: no empty rows
            may = (may & mask[:, None, None, :]) | itself
            position = (mask.long().cumsum(dim=1) - 1).clamp(min=0)[:, past:]  # (B, T)
        x = self.dropout(self.embedding(tokens) + self.positions(position))
        for i, block in enumerate(self.blocks):
            x = block(x, may, None if caches is None else caches[i])
        return F.linear(self.norm(x), self.embedding.weight)

    def new_caches(self) -> list[dict]:
        """An empty cache for each block."""
        return [{} for _ in self.blocks]


def start_gpt(model: GPT, std: float = 0.02) -> None:
    """GPT-2's start, in place: N(0, 0.02), zero biases, and what writes into the residual stream smaller by the root of 2 * n_layers."""
    for name, p in model.named_parameters():
        if p.dim() == 2:
            writes = name.endswith(("W_o.weight", "down.weight"))
            nn.init.normal_(p, std=std / math.sqrt(2 * model.config.n_layers) if writes else std)
        elif name.endswith("bias"):
            nn.init.zeros_(p)


def load_gpt2(ours: GPT, theirs: nn.Module) -> GPT:
    """Copy the weights of transformers' GPT2LMHeadModel into ours, in place; returns ours. ValueError where a size or setting differs.

    Its linear layers are Conv1D: their matrices are transposed, and queries, keys and values share one.
    """
    c, o = theirs.config, ours.config
    pairs = {
        "vocab_size": (c.vocab_size, o.vocab_size),
        "max_len": (c.n_positions, o.max_len),
        "d_model": (c.n_embd, o.d_model),
        "n_heads": (c.n_head, o.n_heads),
        "n_layers": (c.n_layer, o.n_layers),
        "d_ff": (c.n_inner or 4 * c.n_embd, o.d_ff or 4 * o.d_model),
        "activation": (c.activation_function, "gelu_new"),
    }
    for name, (a, b) in pairs.items():
        if a != b:
            raise ValueError(f"{name} is {a} in theirs, ours has {b}")
    weights = theirs.state_dict()
    state = {"embedding.weight": weights["transformer.wte.weight"], "positions.weight": weights["transformer.wpe.weight"]}
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = weights[f"transformer.ln_f.{kind}"]
        for i in range(o.n_layers):
            old, new = f"transformer.h.{i}", f"blocks.{i}"
            for n in (1, 2):
                state[f"{new}.norm{n}.{kind}"] = weights[f"{old}.ln_{n}.{kind}"]
            for letter, part in zip("qkv", weights[f"{old}.attn.c_attn.{kind}"].chunk(3, dim=-1), strict=True):
                state[f"{new}.attention.W_{letter}.{kind}"] = part.T if kind == "weight" else part
            for ours_name, theirs_name in (("attention.W_o", "attn.c_proj"), ("up", "mlp.c_fc"), ("down", "mlp.c_proj")):
                part = weights[f"{old}.{theirs_name}.{kind}"]
                state[f"{new}.{ours_name}.{kind}"] = part.T if kind == "weight" else part
    ours.load_state_dict(state)
    return ours


# Sampling rules: logits (B, V) -> logits (B, V), minus infinity for what may not be drawn


def only(logits: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """The logits where ``keep`` (B, V) is True, minus infinity elsewhere."""
    return logits.masked_fill(~keep, float("-inf"))


def top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """The k most likely tokens stay (more where several tie with the k-th). Fan et al. 2018, section 5.4."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return only(logits, logits >= logits.topk(min(k, logits.shape[-1])).values[..., -1:])


def top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """The smallest set of most likely tokens whose probability reaches p stays. Holtzman et al. 2020, equation 2 ("nucleus")."""
    if not 0 < p <= 1:
        raise ValueError(f"p must be above 0 and at most 1, got {p}")
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    before = probs.cumsum(dim=-1) - probs  # what the tokens before this one have together
    return only(logits, torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before < p))


def min_p(logits: torch.Tensor, share: float) -> torch.Tensor:
    """Tokens at least ``share`` times as likely as the likeliest stay. Nguyen et al. 2024, equations 1 to 3."""
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    probs = logits.softmax(dim=-1)
    return only(logits, probs >= share * probs.amax(dim=-1, keepdim=True))


def draw(logits: torch.Tensor, temperature: float, rule=None, generator: torch.Generator | None = None) -> torch.Tensor:
    """Token ids (B, 1): at temperature 0 the likeliest, else drawn from softmax(rule(logits / temperature))."""
    if temperature < 0:
        raise ValueError(f"temperature must be 0 or more, got {temperature}")
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    scaled = logits / temperature
    probs = (rule(scaled) if rule else scaled).softmax(dim=-1)
    return torch.multinomial(probs, 1, generator=generator)


@torch.inference_mode()
def generate(model, tokens, max_new, temperature=0.0, rule=None, mask=None, eos_id=None, pad_id=0, generator=None):
    """tokens (B, T) -> the ids that follow, (B, at most max_new), with a cache; pad_id after each row's eos_id.

    mask (B, T): True = real token, for prompts padded on the left. Raises ValueError for max_new < 1.
    """
    if max_new < 1:
        raise ValueError(f"max_new must be at least 1, got {max_new}")
    caches, written = model.new_caches(), []
    done = torch.zeros(len(tokens), 1, dtype=torch.bool, device=tokens.device)
    for _ in range(max_new):
        logits = model(tokens, mask, caches)[:, -1]  # (B, V)
        tokens = draw(logits, temperature, rule, generator).masked_fill(done, pad_id)  # (B, 1)
        written.append(tokens)
        if mask is not None:
            mask = F.pad(mask, (0, 1), value=True)
        if eos_id is not None:
            done = done | (tokens == eos_id)
            if done.all():
                break
    return torch.cat(written, dim=1)


@torch.inference_mode()
def beam_search(model, tokens, max_new: int, n_beams: int, eos_id: int | None = None, length_penalty: float = 1.0):
    """tokens (1, T) -> (ids that follow, without the end token; its score: log-probability / length ** length_penalty).

    Keeps the n_beams likeliest unfinished texts; a finished one (it ends with eos_id) is put aside, and no unfinished one may then beat it.
    """
    beams, finished = [((), 0.0)], []
    for step in range(max_new):
        texts = torch.cat((tokens.expand(len(beams), -1), torch.tensor([b for b, _ in beams], dtype=torch.long).view(len(beams), -1)), dim=1)
        logprobs = model(texts)[:, -1].log_softmax(dim=-1)  # (beams, V)
        totals = logprobs + torch.tensor([score for _, score in beams])[:, None]
        best = totals.flatten().topk(min(2 * n_beams, totals.numel()))
        grown = []
        for rank, (value, index) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            row, token = divmod(index, totals.shape[1])
            text = (*beams[row][0], token)
            if token == eos_id:
                if rank < n_beams:
                    finished.append((text[:-1], value / len(text) ** length_penalty))
            elif len(grown) < n_beams:
                grown.append((text, value))
        beams = grown
        finished = sorted(finished, key=lambda pair: -pair[1])[:n_beams]
        possible = beams[0][1] / (step + 1) ** length_penalty
        if len(finished) == n_beams and finished[-1][1] >= possible:
            break
    ends = finished + [(text, value / len(text) ** length_penalty) for text, value in beams]
    return max(ends, key=lambda pair: pair[1])
