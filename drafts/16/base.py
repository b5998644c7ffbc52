from core import *
from utils.entities import *
train = make_sentences("train", "train", 4, 0)
tests = {"known wording, new names": make_sentences("train", "test", 1, 7)[:800], "new wording, new names": make_sentences("test", "test", 4, 7), "hand": annotated_sentences()}
for name, make in (("look-up", lookup_baseline), ("capital rule", capital_rule)):
    tag = make(train)
    for t, data in tests.items():
        c = strict_counts([spans(s.labels) for s in data], [tag(s.words) for s in data])
        print(name, "|", t, round(f1(c.sum(axis=(0, 1))), 3), interval(c, [s.source for s in data]).round(3), {k: round(f1(c[:, j].sum(0)), 2) for j, k in enumerate(TYPES)})
# CRF-like strong cheap baseline: logistic regression on word windows
from sklearn.linear_model import LogisticRegression
from sklearn.feature_extraction import DictVectorizer
def shape(w): return re.sub(r"\d+", "9", re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]+", "A", w)))
def feats(words, i):
    f = {}
    for d in (-3, -2, -1, 0, 1, 2, 3):
        j = i + d; w = words[j] if 0 <= j < len(words) else "<>"
        f[f"{d}s:{shape(w)}"] = 1
        if d: f[f"{d}w:{w.lower()}"] = 1
    w = words[i]; f["w:" + w.lower()] = 1; f["suf:" + w[-3:]] = 1; f["first"] = i == 0
    f["p2:" + " ".join(words[max(0, i - 2):i]).lower()] = 1; f["n2:" + " ".join(words[i + 1:i + 3]).lower()] = 1
    left = i - 1
    while left >= 0 and words[left][0].isupper(): left -= 1
    right = i + 1
    while right < len(words) and (words[right][0].isupper() or words[right].isdigit()): right += 1
    f["L:" + (words[left].lower() if left >= 0 else "<>")] = 1; f["R:" + (words[right].lower() if right < len(words) else "<>")] = 1
    for k in range(len(words)):
        if abs(k - i) > 3 and words[k][0].islower(): f["bag:" + words[k]] = 0.3
    return f
import time; t0 = time.time()
dv = DictVectorizer(); X = dv.fit_transform([feats(s.words, i) for s in train for i in range(len(s.words))]); y = [l for s in train for l in s.labels]
lr = LogisticRegression(C=3, max_iter=60).fit(X, y); print(X.shape, time.time() - t0)
def tag(words): return spans(lr.predict(dv.transform([feats(words, i) for i in range(len(words))])))
for t, data in tests.items():
    c = strict_counts([spans(s.labels) for s in data], [tag(s.words) for s in data])
    print("features + LR |", t, round(f1(c.sum(axis=(0, 1))), 3), interval(c, [s.source for s in data]).round(3), {k: round(f1(c[:, j].sum(0)), 2) for j, k in enumerate(TYPES)})
