"""The loader and the exam of notebook 08 on what does not fit: one sentence each, no raw error of torch."""

from dataclasses import replace

import pytest
import transformers

from benchmarks.nb08_bert_recipes import examine, hide_words, train_tokenizer
from lessons.bert import Bert, BertConfig, BertForPretraining, load_bert

OURS = BertConfig(97, 31, 24, n_heads=3, n_layers=3, d_ff=40)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("vocab_size", 98, "vocab_size is 97 in theirs, ours has 98"),
        ("max_len", 29, "max_position_embeddings is 31 in theirs, ours has 29"),
        ("d_model", 27, "hidden_size is 24 in theirs, ours has 27"),
        ("d_ff", 41, "intermediate_size is 40 in theirs, ours has 41"),
        ("n_layers", 2, "num_hidden_layers is 3 in theirs, ours has 2"),
        ("n_heads", 4, "num_attention_heads is 3 in theirs, ours has 4"),
        ("n_segments", 1, "type_vocab_size is 2 in theirs, ours has 1"),
        ("eps", 1e-5, "layer_norm_eps is 1e-12 in theirs, ours has 1e-05"),
    ],
)
def test_load_bert_names_both_sizes(field, value, sentence):
    config = transformers.BertConfig(
        vocab_size=97, max_position_embeddings=31, hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=40
    )
    theirs = transformers.BertModel(config)
    load_bert(Bert(OURS), theirs)
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        load_bert(Bert(replace(OURS, **{field: value})), theirs)


@pytest.mark.parametrize("passages", [["1 2 3"], ["4 5", "6 7"]])
def test_an_exam_that_hides_no_word_is_refused(passages):
    tokenizer = train_tokenizer(["1 2 3 4 5 6 7 one film"], byte_bpe=False, vocab_size=97)
    exam = hide_words(passages, tokenizer, pairs=False)
    with pytest.raises(ValueError, match="^this exam hides no word, so there is nothing to score"):
        examine(BertForPretraining(BertConfig(97, 63, 24, n_heads=3, n_layers=3, d_ff=40)), exam)
