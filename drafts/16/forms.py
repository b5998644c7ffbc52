"""Three target forms: text in, text out. Works on token ids through the tokenizer's text for AutoTrain (csv) as well."""
from __future__ import annotations
import re, sys
from core import spans
from utils.entities import TYPES, Sentence

LABELS = ["<O>"] + [f"<{b}-{t}>" for t in TYPES for b in "BI"]
MARKS = [f"<{t}>" for t in TYPES] + ["<end>"]
NEW_TOKENS = LABELS + MARKS

def sentinel_pair(s):
    src = "entities: " + " ".join(f"<extra_id_{i}> {w}" for i, w in enumerate(s.words[:100]))
    tgt = " ".join(f"<extra_id_{i}> <{l}>" for i, l in enumerate(s.labels[:100]))
    return src, tgt
def read_sentinel(text, words):
    labels = ["O"] * len(words)
    for i, l in re.findall(r"<extra_id_(\d+)>\s*<([OBI][\w-]*)>", text):
        if int(i) < len(words): labels[int(i)] = l
    return spans(labels)
def words_pair(s):
    tgt = " ".join(f"<{t}> {' '.join(s.words[a:b])}" for a, b, t in sorted(spans(s.labels)))
    return "entities: " + " ".join(s.words), tgt or "<end>"
def find(words, part, used):
    n = len(part)
    for i in range(len(words) - n + 1):
        if tuple(words[i:i + n]) == tuple(part) and not any(a < i + n and i < b for a, b, _ in used): return i, i + n
    return None
def read_words(text, words):
    """Each guess at its first free place; a guess that stands nowhere gets a place of its own beyond the sentence, and so counts as wrong."""
    found = set(); ghosts = 0
    for t, body in re.findall(r"<(%s)>([^<]*)" % "|".join(TYPES), text):
        part = body.split(); at = find(words, part, found) if part else None
        if at: found.add((*at, t))
        elif part: found.add((10_000 + ghosts, 10_001 + ghosts, t)); ghosts += 1
    return found
def tags_pair(s):
    out, at = [], {a: (b, t) for a, b, t in spans(s.labels)}; end = None
    for i, w in enumerate(s.words):
        if i in at: out.append(f"<{at[i][1]}>"); end = at[i][0]
        out.append(w)
        if end is not None and i + 1 == end: out.append("<end>"); end = None
    return "entities: " + " ".join(s.words), " ".join(out)
def read_tags(text, words):
    """Position by count of words where the copy is faithful; else as in read_words."""
    found = set(); ghosts = 0
    toks = re.sub(r"(<\w+>)", r" \1 ", text).split(); i = 0; start = None; out = set(); faithful = [t for t in toks if not re.fullmatch(r"<\w+>", t)] == list(words)
    if faithful:
        for t in toks:
            m = re.fullmatch(r"<(\w+)>", t)
            if m and m[1] in TYPES: start, kind = i, m[1]
            elif m and m[1] == "end":
                if start is not None and i > start: out.add((start, i, kind))
                start = None
            elif not m: i += 1
        return out
    for t, body in re.findall(r"<(%s)>([^<]*)<end>" % "|".join(TYPES), text):
        part = body.split(); at = find(words, part, found) if part else None
        if at: found.add((*at, t))
        elif part: found.add((10_000 + ghosts, 10_001 + ghosts, t)); ghosts += 1
    return found
FORMS = {"sentinel": (sentinel_pair, read_sentinel), "tags": (tags_pair, read_tags), "words": (words_pair, read_words)}
if __name__ == "__main__":
    from utils.entities import make_sentences, annotated_sentences
    for name, (enc, dec) in FORMS.items():
        for data in (make_sentences("validation", "validation", 3, 1), annotated_sentences()):
            bad = [s for s in data if dec(enc(s)[1], s.words) != spans(s.labels)]
            print(name, len(data), "round trip fails:", len(bad), [enc(b)[1][:160] for b in bad[:2]])
        print(enc(data[0]))
