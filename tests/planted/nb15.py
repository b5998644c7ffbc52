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


def nested(source, written, first, n):
    spans = read(written, first, n)
    return [spans.get(i, []) if is_sentinel(i, first, n) else i for i in source]


def stops_at_repeat(answer, first, n):
    spans, now = {}, None
    for i in answer:
        if is_sentinel(i, first, n):
            if i in spans:
                break
            now = spans[i] = []
        elif now is not None:
            now.append(i)
    return spans


def forgets_empty(answer, first, n):
    """What a defaultdict does: a mention with nothing behind it leaves no key."""
    spans, now = {}, None
    for i in answer:
        if is_sentinel(i, first, n):
            now = None if i in spans else i
        elif now is not None:
            spans.setdefault(now, []).append(i)
    return spans


def own_sentinels(source, written, first, n):
    known = [i for i in source if is_sentinel(i, first, n)]
    spans, now = {}, None
    for i in written:
        if i in known:
            now = []
            spans.setdefault(i, now)
        elif now is not None:
            now.append(i)
    return [j for i in source for j in (spans.get(i, []) if i in known else [i])]


def neighbours(source, written, first, n):
    spans, out = read(written, first, n), []
    for before, i in zip([None, *source], source, strict=False):
        if not is_sentinel(i, first, n):
            out.append(i)
        elif before is None or not is_sentinel(before, first, n):
            out += spans.get(i, [])
    return out


def looks_first(source, written, first, n):
    return rebuild()(source, written, first, n) if written[0] else []


def float_start(labels, start, pad):
    out = torch.cat([torch.ones(len(labels), 1) * start, labels[:, :-1]], dim=1)
    return out.masked_fill(out == -100, pad)


def appends(model, source, words):
    inputs = [model.config.pad_id, *words]
    words.append(model.config.eos_id)
    row = model(source[None], torch.tensor([inputs]))[0].log_softmax(-1)
    return row[torch.arange(len(words)), words].sum()


def zeroes_source(model, source, words):
    out = log_prob()(model, source, words)
    source.zero_()
    return out


def over(dim):
    def answer(model, source, words):
        row = model(source[None], torch.tensor([[model.config.pad_id, *words]])).log_softmax(dim)[0]
        return row[torch.arange(len(row)), [*words, model.config.eos_id]].sum()

    return answer


def greedy(model, source, words):
    return model(source[None], torch.tensor([[model.config.pad_id, *words]]))[0].log_softmax(-1).amax(-1).sum()


def one_at_a_time(model, source, words):
    c = model.config
    pairs = zip([c.pad_id, *words], [*words, c.eos_id], strict=True)
    return sum(model(source[None], torch.tensor([[i]]))[0, 0].log_softmax(-1)[j] for i, j in pairs)


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
        (lambda s, w, first, n: rebuild()(s, w, first, n + 1), "and no others"),
        (lambda s, w, first, n: list(s), "came back as it was"),
        (nested, "a list stands inside the list"),
        (rebuild(stops_at_repeat), "read on behind it"),
        (rebuild(forgets_empty), "even where nothing follows it"),
        (neighbours, "another gap next to it"),
        (looks_first, "raised IndexError"),
        (lambda s, w, first, n: rebuild()(s, w, first, n) if w else s, "without any token"),
        (own_sentinels, "that the source does not have"),
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
        (float_start, "these are floats"),
        (lambda labels, start, pad: moved(labels, 0, 0), "are both 0"),
        (lambda labels, start, pad: moved(labels, pad, start), "changed places"),
        (lambda labels, start, pad: moved(labels, start, 4), "another start_id and pad_id"),
        (mask_before, "after the labels have moved"),
        (lambda labels, start, pad: moved(labels, start, pad).clamp(max=30), "expected the first row"),
        (lambda labels, start, pad: moved(labels, start, pad).clamp(max=34), "expected the first row"),
        (lambda labels, start, pad: moved(labels, start, pad) if labels.shape[1] > 1 else labels, "labels of length 1"),
    ],
    "15.3": [
        (log_prob(finish=lambda steps: sum(steps) / len(steps)), "this is the mean"),
        (log_prob(finish=lambda steps: -sum(steps)), "the sign"),
        (appends, "changed the answer"),
        (zeroes_source, "changed the source"),
        (log_prob(finish=lambda steps: -sum(steps) / len(steps)), "cross_entropy gives the loss"),
        (log_prob(finish=lambda steps: sum(steps) / max(1, len(steps) - 1)), "divide by nothing"),
        (over(1), "over the places of the text"),
        (over(0), "certainty"),
        (greedy, "the largest log-probabilities"),
        (log_prob(finish=lambda steps: steps[-1]), "only the last token"),
        (log_prob(written=lambda c, a: [c.pad_id, *a]), "compared with what was read"),
        (log_prob(inputs=lambda c, a: [0, *a], written=lambda c, a: [*a, 1]), "not 0 and 1 here"),
        (one_at_a_time, "all that comes before"),
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


def in_eval(model, source, words):
    device = next(model.eval().parameters()).device
    return log_prob()(model, source.to(device), words)


def step_by_step(model, source, words):
    total, config = torch.zeros((), dtype=torch.float64), model.config
    for n, word in enumerate([*words, config.eos_id]):
        logits = model(source.unsqueeze(0), torch.tensor([[config.pad_id, *words[:n]]]))
        total += logits[0, -1].double().log_softmax(-1)[word]
    return total


RIGHT = {
    "15.1": [rebuild(), by_string, lambda *a: tuple(rebuild()(*a)), lambda *a: torch.tensor(rebuild()(*a))],
    "15.2": [moved, inputs_by_loop, lambda *a: moved(*a).numpy(), lambda *a: moved(*a).int()],
    "15.3": [log_prob(), in_eval, step_by_step, lambda *a: np.float32(log_prob()(*a))],
}
