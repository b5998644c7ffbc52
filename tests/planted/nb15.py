"""Wrong answers to the exercises of notebook 15, each with a piece of the hint it must get."""

import numpy as np
import torch


def is_sentinel(i, first, n):
    return first <= i < first + n


def read(answer, first, n, last=False, joined=False, early=None):
    """sentinel -> what follows it; with the slips that people make."""
    spans, now = {}, early
    for i in answer:
        if is_sentinel(i, first, n):
            if joined:
                now = spans.setdefault(i, [])
            else:
                now = []
                if last or i not in spans:
                    spans[i] = now
        elif now is not None:
            now.append(i)
    return spans


def rebuild(reader=read, unmentioned=lambda i: [], first_only=False, keep=lambda i: []):
    def answer(source, written, first, n):
        spans, out = reader(written, first, n), []
        for i in source:
            if is_sentinel(i, first, n):
                span = spans.get(i, unmentioned(i))
                out += keep(i) + (span[:1] if first_only else span)
            else:
                out.append(i)
        return out

    return answer


def by_place(source, written, first, n):
    spans = list(read(written, first, n).values())
    out = []
    for i in source:
        out += (spans.pop(0) if spans else []) if is_sentinel(i, first, n) else [i]
    return out


def at_the_end(source, written, first, n):
    return [i for i in [*source, *written] if not is_sentinel(i, first, n)]


def in_place(source, written, first, n):
    whole = rebuild()(source, written, first, n)
    source[:] = whole
    return source


def early_text(answer, first, n):
    spans, before = read(answer, first, n), []
    for i in answer:
        if is_sentinel(i, first, n):
            break
        before.append(i)
    smallest = min(spans) if spans else None
    return {i: (before if i == smallest else []) + span for i, span in spans.items()}


def nothing_after_second(answer, first, n):
    """A second mention ends the first one's span but its text goes to the span before."""
    spans, now = {}, None
    for i in answer:
        if is_sentinel(i, first, n):
            now = spans.setdefault(i, []) if i not in spans else now
        elif now is not None:
            now.append(i)
    return spans


def sorted_spans(answer, first, n):
    """Gives the spans to the sentinels in the order in which they are written, but only when there are as many as names."""
    spans = read(answer, first, n)
    return dict(zip(sorted(spans), [spans[i] + [0] if list(spans) != sorted(spans) else spans[i] for i in sorted(spans)], strict=True))


def inclusive(source, written, first, n):
    return rebuild()(source, written, first, n - 1)


def drops_all(source, written, first, n):
    spans = read(written, first, n)
    known = [i for i in source if is_sentinel(i, first, n)]
    return rebuild()(source, written, first, n) if all(i in spans for i in known) else [i for i in source if not is_sentinel(i, first, n)]


def moved(labels, start, pad, first=None, fill=None):
    out = torch.cat([torch.full_like(labels[:, :1], start if first is None else first), labels[:, :-1]], dim=1)
    return out.masked_fill(out == -100, pad if fill is None else fill)


def left_moved(labels, start, pad):
    out = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], start)], dim=1)
    return out.masked_fill(out == -100, pad)


def rolled(labels, start, pad):
    out = labels.roll(1, dims=1)
    return out.masked_fill(out == -100, pad)


def changes_labels(labels, start, pad):
    labels[labels == -100] = pad
    return torch.cat([torch.full_like(labels[:, :1], start), labels[:, :-1]], dim=1)


def mask_before(labels, start, pad):
    out = torch.cat([torch.full_like(labels[:, :1], start), labels[:, :-1]], dim=1)
    return out.masked_fill(labels == -100, pad)


def log_prob(inputs=lambda c, a: [c.pad_id, *a], written=lambda c, a: [*a, c.eos_id], softmax=True, finish=sum):
    def answer(model, source, words):
        row = model(source[None], torch.tensor([inputs(model.config, words)]))[0]
        row = row.log_softmax(-1) if softmax else row
        return finish([row[i, w].item() for i, w in enumerate(written(model.config, words))])

    return answer


def no_batch(model, source, words):
    return model(source, torch.tensor(words)).sum().item()


PLANTED = {
    "15.1": [
        (rebuild(keep=lambda i: [i]), "sentinels are still in the text"),
        (lambda s, w, first, n: [i for i in s if not is_sentinel(i, first, n)], "the gaps are empty"),
        (at_the_end, "everything hidden stands at the end"),
        (rebuild(first_only=True), "only the first token of each span"),
        (by_place, "match them by sentinel, not by place"),
        (rebuild(sorted_spans), "another order comes out wrong"),
        (rebuild(unmentioned=lambda i: [i]), "stays in the text"),
        (drops_all, "the others keep their spans"),
        (rebuild(lambda *a: read(*a, last=True)), "the first mention counts, not the last"),
        (rebuild(lambda *a: read(*a, joined=True)), "they are not joined"),
        (rebuild(nothing_after_second), "belongs nowhere"),
        (rebuild(early_text), "before its first sentinel"),
        (inclusive, "both ends counted"),
        (lambda s, w, first, n: rebuild()(s, w, 50, 10), "with other sentinels"),
        (in_place, "changed the lists"),
        (lambda s, w, first, n: s[::-1], "expected ["),
        (lambda s, w, first, n: str(s), "a list of ids"),
    ],
    "15.2": [
        (lambda labels, start, pad: labels, "nothing moved"),
        (lambda labels, start, pad: labels.masked_fill(labels == -100, pad), "nothing moved"),
        (left_moved, "moved to the left"),
        (lambda labels, start, pad: torch.cat([torch.full_like(labels[:, :1], start), labels[:, :-1]], dim=1), "no embedding can look it up"),
        (rolled, "the last label of the row"),
        (lambda labels, start, pad: moved(labels, start, pad, fill=0), "here it is not 0"),
        (lambda labels, start, pad: moved(labels, start, pad, fill=start), "not the start again"),
        (lambda labels, start, pad: moved(labels, start, pad, first=pad), "the first place must be start_id"),
        (lambda labels, start, pad: torch.cat([torch.full_like(labels[:, :1], start), labels], dim=1).masked_fill(torch.cat([labels[:, :1] == -7, labels == -100], dim=1), pad), "one place too many"),
        (lambda labels, start, pad: labels[:, :-1].masked_fill(labels[:, :-1] == -100, pad), "one place too few"),
        (lambda labels, start, pad: moved(labels, start, pad)[:1], "has shape"),
        (changes_labels, "changed the labels"),
        (mask_before, "after the labels have moved"),
        (lambda labels, start, pad: moved(labels, start, pad).clamp(max=30), "expected the first row"),
        (lambda labels, start, pad: moved(labels, start, pad).clamp(max=34), "expected the first row"),
        (lambda labels, start, pad: moved(labels, start, pad) if labels.shape[1] > 1 else labels, "labels of length 1"),
    ],
    "15.3": [
        (log_prob(finish=lambda steps: sum(steps) / len(steps)), "this is the mean"),
        (log_prob(finish=lambda steps: -sum(steps)), "the sign"),
        (log_prob(written=lambda c, a: a), "the end token is not counted"),
        (log_prob(finish=lambda steps: steps[0]), "only the first token"),
        (log_prob(finish=lambda steps: float(np.exp(sum(steps)))), "this is the probability"),
        (log_prob(softmax=False), "sums of logits"),
        (log_prob(inputs=lambda c, a: [*a, c.eos_id]), "one place later"),
        (log_prob(inputs=lambda c, a: [0, *a]), "which is not 0 here"),
        (log_prob(written=lambda c, a: [*a, 1]), "which is not 1 here"),
        (log_prob(inputs=lambda c, a: [c.eos_id, *a]), "not with the end token"),
        (log_prob(written=lambda c, a: [c.eos_id, *a]), "off by one"),
        (log_prob(finish=lambda steps: sum(steps) - 1), "expected -"),
        (lambda model, source, words: log_prob()(model, source, words) if words else 0.0, "an empty answer"),
        (lambda model, source, words: log_prob()(model, torch.tensor([5, 9, 4, 2]), words), "another source"),
        (no_batch, "raised ValueError"),
        (lambda *a: str(log_prob()(*a)), "one number"),
    ],
}


def by_string(source, written, first, n):
    spans = {}
    for i, token in enumerate(written):
        if is_sentinel(token, first, n) and token not in spans:
            end = next((j for j in range(i + 1, len(written)) if is_sentinel(written[j], first, n)), len(written))
            spans[token] = written[i + 1 : end]
    out = []
    for token in source:
        out.extend(spans.get(token, []) if is_sentinel(token, first, n) else [token])
    return np.array(out)


def inputs_by_loop(labels, start, pad):
    rows = []
    for row in labels.tolist():
        rows.append([start] + [pad if i == -100 else i for i in row[:-1]])
    return rows


def step_by_step(model, source, words):
    total, config = torch.zeros((), dtype=torch.float64), model.config
    for n, word in enumerate([*words, config.eos_id]):
        logits = model(source.unsqueeze(0), torch.tensor([[config.pad_id, *words[:n]]]))
        total += logits[0, -1].double().log_softmax(-1)[word]
    return total


RIGHT = {
    "15.1": [rebuild(), by_string, lambda *a: tuple(rebuild()(*a)), lambda *a: torch.tensor(rebuild()(*a))],
    "15.2": [moved, inputs_by_loop, lambda *a: moved(*a).numpy(), lambda *a: moved(*a).int()],
    "15.3": [log_prob(), step_by_step, lambda *a: np.float32(log_prob()(*a))],
}
