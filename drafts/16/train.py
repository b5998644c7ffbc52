import os, sys, time; import os, sys, time, json, argparse, random, re
if os.environ.get("PRIO"): open("/proc/self/autogroup", "w").write(os.environ["PRIO"])
import numpy as np, torch
torch.set_num_threads(1)
from torch.nn import functional as F
from transformers import AutoTokenizer, T5ForConditionalGeneration
from forms import *; from core import *
from utils.entities import *
from utils.data import reviews
p = argparse.ArgumentParser()
p.add_argument("--form", default="sentinel"); p.add_argument("--minutes", type=float, default=6); p.add_argument("--rate", type=float, default=1e-3); p.add_argument("--glue", type=float, default=0.5)
p.add_argument("--batch", type=int, default=32); p.add_argument("--seed", type=int, default=0); p.add_argument("--out", default=""); p.add_argument("--scratch", action="store_true"); p.add_argument("--muon", action="store_true"); p.add_argument("--max_templates", type=int, default=0); p.add_argument("--errors", type=int, default=0)
a = p.parse_args()
from utils.pretrained import small_t5_folder
folder = small_t5_folder(); tok = AutoTokenizer.from_pretrained(folder)
tok.add_tokens(NEW_TOKENS, special_tokens=True)
from tokenizers import AddedToken
m = T5ForConditionalGeneration.from_pretrained(folder)
torch.manual_seed(a.seed)
m.config.tie_word_embeddings = False
m.resize_token_embeddings(len(tok), mean_resizing=False)
with torch.no_grad():
    for e in (m.shared.weight, m.lm_head.weight):
        e[3200:] = e[200:3200].mean(0) + torch.randn(len(NEW_TOKENS), e.shape[1]) * e[200:3200].std(0)
    m.lm_head.weight[3200:] = 0
enc, dec = FORMS[a.form]
r = random.Random(a.seed); names = Names("train"); T = templates("train")
if a.max_templates: T = r.sample(T, a.max_templates)
frag = []
for t in reviews("imdb", "train").text[:4000]:
    for s in re.split(r"(?<=[.!?])\s+", t.replace("\n", " ")):
        w = entity_words(s)
        if 5 <= len(w) <= 30 and s.isascii() and not any(x[0].isupper() and not x.startswith("I'") and x != "I" for x in w[1:]) and not re.search(r"\d", s): frag.append(tuple(w))
def glue(s):
    k = r.random(); f = r.choice(frag); O = lambda n: ("O",) * n
    if k < .2: return Sentence(f, O(len(f)), "f")
    w, l = s.words, s.labels
    if k < .45: return Sentence(f + w, O(len(f)) + l, "f") if r.random() < .5 else Sentence(w + f, l + O(len(f)), "f")
    sp = sorted(spans(l))
    if not sp: return s
    i, j, _ = r.choice(sp); lo, hi = max(0, i - r.randint(0, 5)), min(len(w), j + r.randint(0, 5))
    while lo > 0 and l[lo][0] == "I": lo -= 1
    while hi < len(w) and l[hi][0] == "I": hi += 1
    g = r.choice(frag); head, tail = f[:r.randint(0, min(8, len(f)))], g[len(g) - r.randint(0, min(8, len(g))):]
    return Sentence(head + w[lo:hi] + tail, O(len(head)) + l[lo:hi] + O(len(tail)), "f")
cache = {}
def ids(text):
    """fast: token by token cache of space-separated pieces"""
    out = []
    for piece in text.split(" "):
        if piece not in cache: cache[piece] = tok(piece).input_ids[:-1]
        out += cache[piece]
    return out + [1]
def pad(rows):
    out = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for i, row in enumerate(rows): out[i, :len(row)] = row
    return torch.from_numpy(out)
VAL = make_sentences("validation", "validation", 3, 5); KNOWN = make_sentences("train", "validation", 1, 5); KNOWN = random.Random(3).sample(KNOWN, 300)
DIAG = {"train": random.Random(4).sample(make_sentences("train","train",1,6),200), "known": KNOWN[:200], "newwording": random.Random(4).sample(make_sentences("validation","train",3,6),200), "val": random.Random(4).sample(VAL, 200)}
@torch.no_grad()
def forced(data):
    """Label accuracy with right labels before: all, and of entity words"""
    m.eval(); hit=[]; ent=[]
    for k in range(0,len(data),64):
        part=data[k:k+64]; P=[enc(s) for s in part]; src=pad([ids(x) for x,_ in P]); tgt=pad([ids(y) for _,y in P])
        lg=m(input_ids=src,attention_mask=(src!=0).long(),decoder_input_ids=torch.cat((torch.zeros_like(tgt[:,:1]),tgt[:,:-1]),1),use_cache=False).logits.argmax(-1)
        lab=(tgt>=3200); hit.append((lg==tgt)[lab]); o=lab&(tgt!=lab_ids[0]); ent.append((lg==tgt)[o])
    m.train(); return round(torch.cat(hit).float().mean().item(),3), round(torch.cat(ent).float().mean().item(),3)
lab_ids = torch.tensor([tok.convert_tokens_to_ids(l) for l in LABELS])
@torch.no_grad()
def predict(data, B=64):
    m.eval(); out = [None] * len(data); order = sorted(range(len(data)), key=lambda i: len(data[i].words))
    for k in range(0, len(order), B):
        idx = order[k:k + B]; src = pad([ids(enc(data[i])[0]) for i in idx]); mask = (src != 0).long()
        if a.form == "sentinel":
            eo = m.encoder(input_ids=src, attention_mask=mask); n = max(min(100, len(data[i].words)) for i in idx); past = None; last = torch.zeros(len(idx), 1, dtype=torch.long); labs = []
            for j in range(n):
                o = m(encoder_outputs=eo, attention_mask=mask, decoder_input_ids=torch.cat((last, torch.full_like(last, 3 + j)), 1), past_key_values=past, use_cache=True); past = o.past_key_values
                b = o.logits[:, -1, lab_ids].argmax(-1); labs.append(b); last = lab_ids[b][:, None]
            labs = torch.stack(labs, 1).tolist()
            for row, i in enumerate(idx): out[i] = spans([LABELS[x][1:-1] for x in labs[row][:len(data[i].words)]])
        else:
            g = m.generate(input_ids=src, attention_mask=mask, max_length=160, do_sample=False, num_beams=1)
            for row, i in enumerate(idx):
                text = tok.decode(g[row], skip_special_tokens=False); text = text.replace("<pad>", "").split("</s>")[0]
                out[i] = dec(text, data[i].words)
    m.train(); return out
def score(data):
    q = predict(data); c = strict_counts([spans(s.labels) for s in data], q); g = [{x[:2] for x in spans(s.labels)} for s in data]; h = [{x[:2] for x in y} for y in q]
    bd = f1((sum(len(x & y) for x, y in zip(g, h)), sum(map(len, h)), sum(map(len, g))))
    return round(f1(c.sum((0, 1))), 3), "bounds", round(bd, 3), {t[:3]: round(f1(c[:, j].sum(0)), 2) for j, t in enumerate(TYPES)}, q
if a.scratch:
    m2 = T5ForConditionalGeneration(m.config); m.load_state_dict(m2.state_dict())
named = dict(m.named_parameters()); mats = [q for n, q in named.items() if q.dim() == 2 and not any(x in n for x in ("shared", "lm_head", "relative"))]; ids_ = {id(q) for q in mats}; rest = [q for q in named.values() if id(q) not in ids_]
opts = [torch.optim.Muon(mats, lr=a.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"), torch.optim.AdamW(rest, lr=a.rate, weight_decay=0)] if a.muon else [torch.optim.AdamW(m.parameters(), lr=a.rate, weight_decay=0.01)]
m.train(); t0 = time.process_time(); step = 0; nxt = 120; TT = a.minutes * 60; run = []; buf = []
while (el := time.process_time() - t0) < TT:
    f = min(1, (step + 1) / 50) * min(1, max(.02, (1 - el / TT) / .7))
    for o in opts:
        for g in o.param_groups: g["lr"] = a.rate * f
    if not buf:
        ex = []
        for _ in range(a.batch * 16):
            s = fill(r.choice(T), names, r); s = glue(s) if r.random() < a.glue else s
            if len(s.words) <= 60: x, y = enc(s); ex.append((ids(x), ids(y)))
        ex.sort(key=lambda e: len(e[0])); buf = [ex[i:i + a.batch] for i in range(0, len(ex), a.batch)]; r.shuffle(buf)
    ex = buf.pop(); src, tgt = pad([e[0] for e in ex]), pad([e[1] for e in ex])
    with torch.autocast("cpu", torch.bfloat16): lg = m(input_ids=src, attention_mask=(src != 0).long(), decoder_input_ids=torch.cat((torch.zeros_like(tgt[:, :1]), tgt[:, :-1]), 1), use_cache=False).logits
    loss = F.cross_entropy(lg.float().flatten(0, 1), tgt.masked_fill(tgt == 0, -100).flatten())
    for o in opts: o.zero_grad(set_to_none=True)
    loss.backward(); torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
    for o in opts: o.step()
    step += 1; run.append(loss.item())
    if time.process_time() - t0 > nxt: nxt += 240; t1=time.process_time(); print(a.form, step, f"{t1-t0:.0f}s loss {np.mean(run[-50:]):.4f}", {k: (*score(d)[:3:2], forced(d)) for k, d in DIAG.items()}, flush=True); t0 += time.process_time()-t1
for n, d in (("known", KNOWN), ("val", VAL), ("hand", annotated_sentences())): 
    res = score(d); print("END", vars(a), n, res[:4], flush=True)
    if n == "val" and a.errors:
        k = 0
        for s, q in zip(d, res[-1]):
            if spans(s.labels) != q and k < a.errors:
                k += 1; show = lambda z: [(" ".join(s.words[i:j]), t) for i, j, t in sorted(z)]; print("  ", " ".join(s.words), "\n     missed", show(spans(s.labels) - q), "wrong", show(q - spans(s.labels)))
if a.out: m.save_pretrained(a.out); tok.save_pretrained(a.out)
