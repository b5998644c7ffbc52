"""Checks of gpt.py against transformers: ``PYTHONPATH=.:drafts/17 python drafts/17/try.py``."""
import math

import torch
import transformers
from gpt import GPT, GPTConfig, beam_search, generate, load_gpt2, min_p, top_k, top_p
from torch.nn import functional as F

torch.manual_seed(0)
torch.set_num_threads(1)
c = GPTConfig(vocab_size=31, max_len=40, d_model=24, n_heads=3, n_layers=2)
theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=31, n_positions=40, n_embd=24, n_head=3, n_layer=2, eos_token_id=30, bos_token_id=30, pad_token_id=0)).eval()
with torch.no_grad():
    for p in theirs.parameters():
        p.mul_(6).add_(0.05 * torch.randn_like(p))
ours = load_gpt2(GPT(c), theirs).eval()
tokens = torch.randint(1, 30, (2, 9))
torch.testing.assert_close(ours(tokens), theirs(tokens).logits)
caches = ours.new_caches()
steps = torch.cat([ours(part, caches=caches) for part in tokens.split((4, 1, 3, 1), dim=1)], dim=1)
torch.testing.assert_close(steps, ours(tokens))
mask = torch.ones(2, 9, dtype=torch.bool)
mask[0, :4] = False
position = (mask.long().cumsum(1) - 1).clamp(min=0)
want = theirs(tokens, attention_mask=mask.long(), position_ids=position).logits
torch.testing.assert_close(ours(tokens, mask)[mask], want[mask])
alone = ours(tokens[:1, 4:])
torch.testing.assert_close(ours(tokens, mask)[:1, 4:], alone)
got = generate(ours, tokens, 12, mask=mask, eos_id=30)
lib = theirs.generate(tokens, attention_mask=mask.long(), max_new_tokens=12, do_sample=False)[:, 9:]
assert torch.equal(got, lib[:, : got.shape[1]]), (got, lib)
x = ours.embedding.weight.detach()[tokens].requires_grad_()
for rule, warper in ((lambda l: top_k(l, 5), transformers.TopKLogitsWarper(5)), (lambda l: top_p(l, 0.7), transformers.TopPLogitsWarper(0.7)), (lambda l: min_p(l, 0.1), transformers.MinPLogitsWarper(0.1))):
    logits = 2 * torch.randn(50, 31)
    assert torch.equal(rule(logits), warper(None, logits.clone()))
agree = 0
for seed in range(30):
    torch.manual_seed(seed)
    prompt = torch.randint(1, 30, (1, 5))
    for penalty in (0.0, 1.0, 2.0):
        lib = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=10, num_beams=4, do_sample=False, length_penalty=penalty, return_dict_in_generate=True, output_scores=True)
        text, score = beam_search(ours, prompt, 10, 4, 30, penalty)
        there = [t for t in lib.sequences[0, 5:].tolist() if t not in (0, 30)]
        agree += list(text) == there
        if list(text) != there:
            print(seed, penalty, text, there, score, lib.sequences_scores)
print(agree, "of 90 beams")
fresh = GPT(GPTConfig(vocab_size=8000, max_len=64, d_model=128, n_heads=4, n_layers=4))
t = torch.randint(0, 8000, (4, 64))
print(F.cross_entropy(fresh(t[:, :-1]).flatten(0, 1), t[:, 1:].flatten()).item(), math.log(8000))
