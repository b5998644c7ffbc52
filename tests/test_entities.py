"""The data on named entities: parts that share nothing, labels that fit their words, two passes of annotation."""

import random
import re
from itertools import combinations

import pytest

from utils import entities
from utils.data import DataError
from utils.entities import PARTS, TYPES, Names, annotated_sentences, entity_words, fill, make_sentences, templates


def slots(template: str) -> list[str]:
    return re.findall(r"\{([a-z]+)\d?\}", template)


@pytest.mark.parametrize("part", PARTS)
def test_templates(part):
    """Known slots only, every type often, some sentences without any, nothing twice, no literal date."""
    lines = templates(part)
    assert len(lines) == len(set(lines)) >= {"train": 700, "validation": 80, "test": 120}[part]
    counts = {kind: sum(slots(line).count(kind) for line in lines) for kind in TYPES}
    assert {kind for line in lines for kind in slots(line)} == set(TYPES)
    assert min(counts.values()) >= {"train": 200, "validation": 25, "test": 40}[part] and max(
        counts.values()
    ) < 3 * min(counts.values())
    assert 0.05 < sum(not slots(line) for line in lines) / len(lines) < 0.2
    dates = rf"\b({'|'.join(m for m in entities.MONTHS if m not in ('March', 'May'))}|{'|'.join(entities.WEEKDAYS)}|1\d\d\d|20\d\d)\b"
    assert not [line for line in lines if re.search(dates, line)]
    assert all(line.isascii() and 3 <= len(line.split()) <= 40 for line in lines)


def test_no_template_in_two_parts():
    """Neither the same sentence nor one that shares four words in a row outside slots with one of another part, but for a few common turns."""

    def quads(part):
        found = set()
        for line in templates(part):
            for stretch in re.split(r"\{\w+\}", line.lower()):
                words = entity_words(stretch)
                found |= {tuple(words[i : i + 4]) for i in range(len(words) - 3)}
        return found

    for one, other in combinations(PARTS, 2):
        shared = quads(one) & quads(other)
        assert len(shared) < 0.05 * min(len(quads(one)), len(quads(other))), sorted(shared)[:20]
        assert not set(templates(one)) & set(templates(other))


def test_names_of_the_parts_are_apart():
    """No syllable, first name, tail, head, named day or year stands in two parts, and so no full name either."""
    lists = {part: Names(part).lists for part in PARTS}
    for one, other in combinations(PARTS, 2):
        for key in (
            "first_names",
            "organisation_tails",
            "organisation_heads",
            "place_heads",
            "place_tails",
            "product_tails",
            "named_days",
        ):
            assert not set(lists[one][key]) & set(lists[other][key]), key
        for key, syllables in lists[one]["syllables"].items():
            assert not set(syllables) & set(lists[other]["syllables"][key]), key
        assert not set(entities.YEARS[one]) & set(entities.YEARS[other])
        drawn = {}
        for part in (one, other):
            rng, names = random.Random(1), Names(part)
            drawn[part] = {draw(rng) for draw in (names.person, names.place, names.product) for _ in range(2000)}
        assert not drawn[one] & drawn[other]


def test_many_names():
    """More than a million names of persons in the training part."""
    s = Names("train").lists
    stems = len(s["syllables"]["onset"]) * (1 + len(s["syllables"]["middle"])) * len(s["syllables"]["ending"])
    assert stems * len(s["first_names"]) > 1e6


def test_open_names():
    """Most made-up words of training have any letters, and none is a word that validation or test could make."""
    rng, names = random.Random(2), Names("train")
    drawn = [names.stem(rng) for _ in range(3000)]
    s = names.syllables
    own = {a + m + e for a in s["onset"] for m in ("", *s["middle"]) for e in s["ending"]}
    assert 0.6 < sum(word not in own for word in drawn) / len(drawn) < 0.8
    assert not set(drawn) & entities.held_out_stems()
    tails = {names.tail("organisation_tails", rng) for _ in range(3000)}
    drawn = tails - set(names.lists["organisation_tails"])
    assert len(drawn) > 500 and not drawn & entities.held_out_words()
    other = Names("test")
    assert {other.tail("place_tails", rng) for _ in range(300)} <= set(other.lists["place_tails"])


def test_fill():
    """Labels fit words; what follows a slot without a space joins the name; "a" becomes "an" where the name asks for it."""
    names = Names("train")
    for seed in range(300):
        rng = random.Random(seed)
        sentence = fill("I saw {person}'s {product}-like cat and a {product2} in {place}.", names, rng)
        assert len(sentence.words) == len(sentence.labels)
        words = dict(zip(sentence.words, sentence.labels, strict=True))
        assert any(word.endswith("'s") and label.endswith("person") for word, label in words.items())
        assert any(word.endswith("-like") and label.endswith("product") for word, label in words.items())
        assert sentence.labels[:2] == ("O", "O") and sentence.labels[-1] == "O"
        for before, label, after in zip(sentence.labels, sentence.labels[1:], sentence.words, strict=False):
            assert not label.startswith("I-") or before[2:] == label[2:], (before, label, after)
        at = sentence.labels.index("B-product", sentence.words.index("cat"))
        assert sentence.words[at - 1] == ("an" if sentence.words[at][0] in "AEIO" else "a")


def test_make_sentences():
    """The same seed gives the same sentences; the parts can be crossed; a bad argument is named."""
    assert make_sentences("validation", "validation", 2, 5) == make_sentences("validation", "validation", 2, 5)
    assert len(make_sentences("validation", "test", 3)) == 3 * len(templates("validation"))
    for wrong in (("dev", "test", 1), ("train", "dev", 1), ("train", "train", 0)):
        with pytest.raises(ValueError, match="choose one of|at least 1"):
            make_sentences(*wrong)


def test_annotated_sentences():
    """130 sentences from three sources, both passes, none of which begins inside an entity."""
    first, second = annotated_sentences(), annotated_sentences("second_pass")
    assert len(first) == len(second) == 130 and {s.source for s in first} == {"articles", "imdb", "shakespeare"}
    assert all(a.words == b.words for a, b in zip(first, second, strict=True))
    assert {label[2:] for s in first for label in s.labels} - {""} == set(TYPES)
    with pytest.raises(ValueError, match="first_pass"):
        annotated_sentences("third")


def test_blind_reading():
    """Belongs to the templates as they are; the reader agrees with the labels nearly everywhere."""
    for part in ("validation", "test"):
        pairs = entities.blind_reading(part)
        assert len(pairs) == len(templates(part))
        assert sum(true.labels == read.labels for true, read in pairs) >= 0.98 * len(pairs)
    with pytest.raises(ValueError, match="only validation and test"):
        entities.blind_reading("train")


def test_missing_file(tmp_path, monkeypatch):
    """One sentence and the command that mends it."""
    monkeypatch.setattr(entities, "FOLDER", tmp_path)
    entities._read.cache_clear()
    with pytest.raises(DataError, match="templates.jsonl is missing.*git checkout data/ner"):
        templates("train")
    (tmp_path / "templates.jsonl").write_text("{half")
    with pytest.raises(DataError, match="cannot be read"):
        templates("train")
    entities._read.cache_clear()
