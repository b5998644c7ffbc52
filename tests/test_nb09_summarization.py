"""The loader of notebook 09 on files of CNN/DailyMail's form; the pieces around it on edge cases."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.nb09_summaries import load_summaries
from lessons import summarization as s

ROWS = [
    {"article": "(CNN) A bridge opened. People came. ", "highlights": "A bridge opened .\nMany people came .", "id": "a1"},
    {"article": 'Rain fell, "a lot" of it.\nThe river rose.', "highlights": "The river rose after rain .", "id": "b2"},
    {"article": "Un café a fermé. Its owner retired.", "highlights": "Owner of a café retires .", "id": "c3"},
]


def write(folder, suffix, rows=ROWS):
    path, table = folder / f"data{suffix}", pd.DataFrame(rows)
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_all_three_formats_give_the_same_table(tmp_path, suffix):
    table = load_summaries(write(tmp_path, suffix))
    assert table.columns.tolist() == ["id", "text", "summary"]
    assert table.id.tolist() == ["a1", "b2", "c3"]
    assert table.text.tolist() == [row["article"].strip() for row in ROWS]
    assert table.summary.tolist() == [row["highlights"] for row in ROWS]


def test_ids_are_made_where_there_are_none_and_other_columns_may_be_named(tmp_path):
    rows = [{"document": row["article"], "abstract": row["highlights"]} for row in ROWS]
    table = load_summaries(str(write(tmp_path, ".jsonl", rows)), article="document", summary="abstract")
    assert table.id.tolist() == ["0", "1", "2"] and table.summary[2] == ROWS[2]["highlights"]


def test_errors_are_one_clear_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*nowhere.csv"):
        load_summaries(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="neither a .jsonl, .csv or .parquet file nor"):
        load_summaries("someone/else")
    with pytest.raises(ValueError, match="no column 'highlights'; it has article, id"):
        load_summaries(write(tmp_path, ".csv", [{"article": "x", "id": "1"}]))
    for empty in ("  \n", None):
        with pytest.raises(ValueError, match="the article of row 1 is empty"):
            load_summaries(write(tmp_path, ".parquet", [ROWS[0], {**ROWS[1], "article": empty}, ROWS[2]]))
    with pytest.raises(ValueError, match="the highlights of row 2 is empty"):
        load_summaries(write(tmp_path, ".jsonl", [*ROWS[:2], {**ROWS[2], "highlights": ""}]))


def test_the_hub_is_asked_for_the_right_data_set(monkeypatch):
    import datasets

    asked = []

    def fake(name, configuration, split):
        asked.append((name, configuration, split))
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", fake)
    table = load_summaries("abisee/cnn_dailymail", split="validation")
    assert asked == [("abisee/cnn_dailymail", "3.0.0", "validation")] and len(table) == 3

    def broken(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(datasets, "load_dataset", broken)
    with pytest.raises(ConnectionError, match="could not be fetched .OSError.: is the hub within reach"):
        load_summaries("abisee/cnn_dailymail")


def test_rouge_of_nothing_is_zero_and_of_itself_one():
    words = "to be or not to be".split()
    assert s.rouge_n(words, [], 1) == s.rouge_l([], words) == s.rouge_n(words, ["to"], 2) == 0
    assert s.rouge_n(words, words, 1) == s.rouge_n(words, words, 2) == s.rouge_l(words, words) == 1


def test_selection_on_texts_of_one_two_and_equal_sentences():
    g = np.random.default_rng(0)
    for n in (1, 2, 3, 5):
        v = g.normal(size=(n, 4))
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        for method in ("lead", "centroid", "clustering", "textrank"):
            chosen = s.extract(method, v, k=3, balance=0.7)
            assert chosen == sorted(set(chosen)) and len(chosen) == min(3, n) and max(chosen) < n
    lonely = np.eye(3)
    np.testing.assert_allclose(s.textrank_scores(lonely), 1 / 3)
    with pytest.raises(ValueError, match="unknown method"):
        s.extract("best", lonely)


def test_unfinished_sentences_are_dropped_unless_alone():
    assert s.whole_sentences("It rained. The river ro") == "It rained."
    assert s.whole_sentences("The river ro") == "The river ro"
    assert s.whole_sentences('He said "stop." Then she left.') == 'He said "stop." Then she left.'


def test_review_pairs_say_when_there_are_too_few():
    with pytest.raises(ValueError, match="only 0 of the 2 reviews give a pair; 3 were asked for"):
        s.review_pairs(["Too short.", ""], 3)


def test_ids_stay_texts_and_unreadable_files_and_unknown_splits_are_named(tmp_path):
    for suffix in (".jsonl", ".csv"):
        rows = [{**row, "id": f"00{i}"} for i, row in enumerate(ROWS)]
        assert load_summaries(write(tmp_path, suffix, rows)).id.tolist() == ["000", "001", "002"]
    for name in ("broken.jsonl", "broken.parquet"):
        (tmp_path / name).write_text("not what the name says\n")
        with pytest.raises(ValueError, match=f"{name} cannot be read as {name.split('.')[1]}"):
            load_summaries(tmp_path / name)
    with pytest.raises(ValueError, match="no split 'tset'; it has train, validation, test"):
        load_summaries("abisee/cnn_dailymail", split="tset")
