"""Notebook 17's GPT against transformers and plain code: sizes, caches, padding, sampling, beams, leaks."""

import math

import pytest
import torch
import transformers
from torch.nn import functional as F

from lessons.gpt import GPT, GPTConfig, beam_search, draw, generate, influence, load_gpt2, min_p, reach, top_k, top_p

V = 31


def pair(seed=0, **changes):
    torch.manual_seed(seed)
    settings = dict(
        vocab_size=V, n_positions=40, n_embd=24, n_head=3, n_layer=2, eos_token_id=7, bos_token_id=V - 1, pad_token_id=0
    )  # 7 comes often
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings | changes)).eval()
    with torch.no_grad():
        for p in theirs.parameters():
            p.mul_(4).add_(0.05 * torch.randn_like(p))
    return theirs


@pytest.fixture(scope="module")
def both():
    theirs = pair()
    return load_gpt2(GPT(GPTConfig(V, 40, 24, 3, 2)), theirs).eval(), theirs


def test_odd_sizes():
    """d_ff of its own; one head; one layer."""
    theirs = pair(1, n_embd=22, n_head=1, n_layer=1, n_inner=37)
    ours = load_gpt2(GPT(GPTConfig(V, 40, 22, 1, 1, d_ff=37)), theirs).eval()
    tokens = torch.randint(0, V, (3, 40))
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits)


@pytest.mark.parametrize(
    "change",
    [
        {"n_layer": 3},
        {"n_inner": 50},
        {"activation_function": "gelu"},
        {"n_positions": 41},
        {"vocab_size": 32},
        {"scale_attn_by_inverse_layer_idx": True},
        {"scale_attn_weights": False},
        {"layer_norm_epsilon": 1e-2},
        {"tie_word_embeddings": False},
    ],
)
def test_wrong_model(change):
    with pytest.raises(ValueError, match="in theirs, ours has"):
        load_gpt2(GPT(GPTConfig(V, 40, 24, 3, 2)), pair(0, **change))


def test_gradients(both):
    ours, theirs = both
    tokens = torch.randint(0, V, (2, 9))
    F.cross_entropy(ours(tokens)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
    theirs(tokens, labels=tokens).loss.backward()
    torch.testing.assert_close(ours.embedding.weight.grad, theirs.transformer.wte.weight.grad)
    torch.testing.assert_close(ours.positions.weight.grad, theirs.transformer.wpe.weight.grad)
    torch.testing.assert_close(ours.blocks[0].norm1.bias.grad, theirs.transformer.h[0].ln_1.bias.grad)


def test_cache_with_padding(both):
    """Padded on the left, in pieces, with a cache: each text as if alone."""
    ours, _ = both
    lengths = (3, 8, 5)
    texts = [torch.randint(1, V, (1, n)) for n in lengths]
    tokens = torch.cat([F.pad(text, (8 - n, 0)) for text, n in zip(texts, lengths, strict=True)])
    mask = torch.arange(8) >= 8 - torch.tensor(lengths)[:, None]
    caches, pieces, at = ours.new_caches(), [], 0
    for part in tokens.split((5, 1, 2), dim=1):
        at += part.shape[1]
        pieces.append(ours(part, mask[:, :at], caches))
    for row, text, n in zip(torch.cat(pieces, dim=1), texts, lengths, strict=True):
        torch.testing.assert_close(row[8 - n :], ours(text)[0])
    assert all(torch.isfinite(piece).all() for piece in pieces)


def test_errors(both):
    ours, _ = both
    with pytest.raises(ValueError, match="41 tokens, but there are positions for 40"):
        ours(torch.zeros(1, 41, dtype=torch.long))
    caches = ours.new_caches()
    ours(torch.zeros(1, 39, dtype=torch.long), caches=caches)
    with pytest.raises(ValueError, match="cut the text from the left"):
        ours(torch.zeros(1, 2, dtype=torch.long), caches=caches)
    with pytest.raises(ValueError, match="a column for each token so far"):
        reach(torch.zeros(2, 3, dtype=torch.long), 2, torch.ones(2, 3, dtype=torch.bool))
    logits = torch.zeros(1, 5)
    for call, message in (
        (lambda: top_k(logits, 0), "k must be at least 1"),
        (lambda: top_p(logits, 0.0), "p must be above 0"),
        (lambda: top_p(logits, 1.1), "p must be above 0"),
        (lambda: min_p(logits, -0.1), "share must be between"),
        (lambda: draw(logits, -1.0), "temperature must be 0 or more"),
        (lambda: generate(ours, torch.zeros(1, 2, dtype=torch.long), 0), "max_new must be at least 1"),
        (
            lambda: generate(ours, torch.zeros(1, 2, dtype=torch.long), 3, mask=torch.tensor([[True, False]])),
            "pad on the left",
        ),
        (lambda: beam_search(ours, torch.zeros(1, 2, dtype=torch.long), 0, 2, 7), "one prompt"),
        (lambda: beam_search(ours, torch.zeros(2, 2, dtype=torch.long), 3, 2, 7), "one prompt"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_start():
    """ln V within two per cent; what writes into the residual stream is smaller; norms and biases as they should be."""
    for vocabulary, layers in ((500, 2), (8000, 12)):
        torch.manual_seed(0)
        model = GPT(GPTConfig(vocabulary, 32, 64, 4, layers))
        tokens = torch.randint(0, vocabulary, (8, 32))
        loss = F.cross_entropy(model(tokens)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).item()
        assert abs(loss / math.log(vocabulary) - 1) < 0.02
        assert abs(model.blocks[0].down.weight.std().item() * math.sqrt(2 * layers) / 0.02 - 1) < 0.05
        assert abs(model.blocks[0].up.weight.std().item() / 0.02 - 1) < 0.05
        assert not model.blocks[0].up.bias.any() and (model.norm.weight == 1).all()


def test_no_leak(both):
    ours, _ = both
    seen = influence(ours, torch.randint(1, V, (1, 6)))
    assert not seen.triu(1).any() and (seen[torch.ones(6, 6).tril().bool()] > 0).all()
    assert not ours.embedding._forward_hooks


def test_rules_against_the_library():
    """Flat, peaked and tied distributions; settings at their ends."""
    torch.manual_seed(0)
    for logits in (torch.randn(200, V), 5 * torch.randn(200, V), torch.randint(0, 4, (200, V)).float()):
        for k in (1, 7, V, V + 5):
            assert torch.equal(top_k(logits, k), transformers.TopKLogitsWarper(k)(None, logits.clone()))
        for share in (0.0, 0.05, 0.5, 1.0):
            assert torch.equal(min_p(logits, share), transformers.MinPLogitsWarper(share)(None, logits.clone()))
    for logits in (torch.randn(200, V), 5 * torch.randn(200, V)):
        for p in (0.05, 0.5, 0.9, 0.999):
            assert torch.equal(top_p(logits, p), transformers.TopPLogitsWarper(p)(None, logits.clone()))
    assert torch.equal(top_p(logits, 1.0), logits)
    assert torch.isfinite(top_p(logits, 1e-9)).sum(dim=-1).eq(1).all()


def test_top_p_of_a_real_vocabulary():
    """49,152 summands: the kept tokens have p together, the last of them is needed, and the library keeps as much to 1e-4."""
    torch.manual_seed(0)
    logits = 3 * torch.randn(20, 49_152)
    probs = logits.double().softmax(dim=-1)
    for p in (0.5, 0.95, 0.999):
        kept = torch.isfinite(top_p(logits, p))
        mass = (probs * kept).sum(dim=-1)
        assert (mass >= p).all() and (mass - probs.masked_fill(~kept, 2.0).amin(dim=-1) < p).all()
        theirs = torch.isfinite(transformers.TopPLogitsWarper(p)(None, logits.clone()))
        torch.testing.assert_close(mass, (probs * theirs).sum(dim=-1), atol=1e-4, rtol=0)


def test_draws(both):
    """Seeds repeat; the end token ends a row and padding follows."""
    ours, theirs = both
    tokens = torch.randint(8, V - 1, (40, 4))
    first, again = (
        generate(ours, tokens, 25, 1.0, lambda x: top_k(x, 9), generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert torch.equal(first, again) and first.shape == (40, 25)
    assert not torch.equal(
        first, generate(ours, tokens, 25, 1.0, lambda x: top_k(x, 9), generator=torch.Generator().manual_seed(4))
    )
    ended = generate(ours, tokens, 30, 1.5, eos_id=7, generator=torch.Generator().manual_seed(0))
    rows = [row.tolist() for row in ended if (row == 7).any()]
    assert len(rows) > 5 and all(set(row[row.index(7) + 1 :]) <= {0} for row in rows)


def test_rule_temperature_generator_and_padding_count(both):
    """Drawn by hand, step by step without a cache: the same ids; each setting changes them; pad_id is what follows the end."""
    ours, _ = both
    tokens = torch.randint(8, V - 1, (6, 5), generator=torch.Generator().manual_seed(1))

    def rule(x):
        return min_p(x, 0.05)

    def by_us(temperature=0.8, rule=rule, seed=0, **more):
        return generate(ours, tokens, 12, temperature, rule, generator=torch.Generator().manual_seed(seed), **more)

    generator, text = torch.Generator().manual_seed(0), tokens
    for _ in range(12):
        text = torch.cat((text, draw(ours(text)[:, -1], 0.8, rule, generator)), dim=1)
    assert torch.equal(by_us(), text[:, 5:])
    for other in (by_us(temperature=1.6), by_us(rule=None), by_us(seed=1)):
        assert not torch.equal(other, by_us())
    padded = by_us(eos_id=7, pad_id=3)
    rows = [row for row in padded.tolist() if 7 in row[:-1]]
    assert rows and all(set(row[row.index(7) + 1 :]) == {3} for row in rows)


@pytest.mark.parametrize("place", ["input", "attention", "parts"])
def test_dropout_in_each_place(both, place):
    ours, _ = both
    model = GPT(GPTConfig(V, 40, 24, 3, 2, dropout=0.5))
    model.load_state_dict(ours.state_dict())
    tokens = torch.randint(1, V, (2, 9))
    torch.testing.assert_close(model.eval()(tokens), ours(tokens))
    model.train()
    if place != "input":
        model.dropout.p = 0.0
    for block in model.blocks:
        if place != "attention":
            block.attention.dropout = 0.0
        if place != "parts":
            block.dropout.p = 0.0
    assert not torch.equal(model(tokens), model(tokens))


def test_dropout_on_both_parts_of_a_block():
    """With the other part silent, each still drops."""
    block = GPT(GPTConfig(V, 40, 24, 3, 1, dropout=0.5)).blocks[0].train()
    block.attention.dropout = 0.0
    x, mask = torch.randn(2, 6, 24), torch.ones(6, 6, dtype=torch.bool).tril()
    for silent in (block.attention.W_o, block.down):
        with torch.no_grad():
            kept = silent.weight.clone()
            silent.weight.zero_()
            assert not torch.equal(block(x, mask), block(x, mask))
            silent.weight.copy_(kept)


def test_greedy_with_padding(both):
    ours, theirs = both
    torch.manual_seed(0)
    mask = torch.ones(6, 6, dtype=torch.bool)
    mask[0, :3], mask[2, :5] = False, False
    tokens = torch.randint(8, V - 1, (6, 6))
    want = theirs.generate(tokens, attention_mask=mask.long(), max_new_tokens=15, do_sample=False)[:, 6:]
    assert torch.equal(generate(ours, tokens, 15, mask=mask, eos_id=7), want)
    assert (want == 7).any()


@pytest.mark.parametrize("n_beams", [2, 5])
def test_beams(both, n_beams):
    """Texts that end and texts that do not, three penalties that choose differently."""
    ours, theirs = both
    ended, changed = 0, 0
    for seed in range(12):
        prompt, found = torch.randint(8, V - 1, (1, 4), generator=torch.Generator().manual_seed(100 + seed)), set()
        for penalty in (0.0, 1.0, 2.0):
            out = theirs.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, num_beams=n_beams, do_sample=False,
                length_penalty=penalty, return_dict_in_generate=True, output_scores=True,
            )  # fmt: skip
            text, score = beam_search(ours, prompt, 20, n_beams, 7, penalty)
            assert ([*text] if len(text) == 20 else [*text, 7]) == out.sequences[0, 4:].tolist()
            assert abs(score - out.sequences_scores.item()) < 1e-4
            ended += int(len(text) < 20)
            found.add(text)
        changed += int(len(found) > 1)
    assert ended >= 10 and changed >= 5


def test_a_wide_beam_finds_the_best(both):
    """With as many beams as there are beginnings, the search is exhaustive: no text is likelier."""
    torch.manual_seed(5)
    small = GPT(GPTConfig(5, 8, 8, 1, 1)).eval()
    with torch.no_grad():
        for p in small.parameters():
            p.mul_(8).add_(0.1 * torch.randn_like(p))
    prompt = torch.tensor([[1, 2]])
    best = {}

    def grow(text, total):
        logprobs = small(torch.tensor([[1, 2, *text]]))[0, -1].log_softmax(dim=-1).tolist()
        for token, value in enumerate(logprobs):
            if token == 4:
                best[text] = total + value
            elif len(text) == 2:
                best[(*text, token)] = total + value
            else:
                grow((*text, token), total + value)

    grow((), 0.0)
    text, score = beam_search(small, prompt, 3, 64, 4, 0.0)
    assert score == pytest.approx(max(best.values()), abs=1e-4) and best[text] == pytest.approx(score, abs=1e-4)


def test_the_committed_figures_follow_from_the_committed_texts():
    """What can be counted again without the model: repeated runs of four, for each rule."""
    import json

    from safetensors.torch import load_file

    from benchmarks.nb17_sampling import repeated
    from utils import ROOT

    folder = ROOT / "benchmarks" / "results"
    rules = json.loads((folder / "nb17_sampling.json").read_text(encoding="utf-8"))["rules"]
    texts = load_file(folder / "nb17_texts.safetensors")
    assert set(texts) == set(rules)
    for name, ids in texts.items():
        shares = [repeated(row) for row in ids.to(torch.int32).tolist()]
        assert len(shares) == rules[name]["n"]
        assert sum(shares) / len(shares) == pytest.approx(rules[name]["repeated"][0], abs=1e-4)
