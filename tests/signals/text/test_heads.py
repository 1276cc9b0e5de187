from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noisegate.signals.text import lexical
from noisegate.signals.text.heads import FORMAT, TextHeads

WIDTH = 512


def _arrays(**changed: Any) -> dict[str, Any]:
    """Two heads under one label: one sees the first entry of the embedding, one the word `bad`."""
    hidden = np.zeros((WIDTH, 2), dtype=np.float16)
    hidden[0, 0] = 1.0
    weights = np.zeros((2, lexical.BUCKETS), dtype=np.int8)
    _, buckets, _ = lexical.counts(["bad"])
    weights[1, buckets] = 100
    return {
        "format": np.array(FORMAT),
        "labels": np.array(["either", "second"]),
        "members": np.array([[True, True], [False, True]]),
        "hidden_weights": hidden,
        "hidden_bias": np.zeros(2, dtype=np.float32),
        "semantic_weights": np.array([[8.0, 0.0], [0.0, 0.0]], dtype=np.float16),
        "semantic_bias": np.array([-4.0, -4.0], dtype=np.float32),
        "idf": np.ones(lexical.BUCKETS, dtype=np.float16),
        "lexical_weights": weights,
        "lexical_scale": np.array([0.0, 0.1], dtype=np.float32),
        "lexical_bias": np.zeros(2, dtype=np.float32),
        "blend": np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]], dtype=np.float32),
    } | changed


def _heads(tmp_path: Path, **changed: Any) -> TextHeads:
    np.savez(tmp_path / "heads.npz", **_arrays(**changed))
    return TextHeads.load(tmp_path / "heads.npz")


def _encode(texts: list[str]) -> NDArray[np.float32]:
    found = np.zeros((len(texts), WIDTH), dtype=np.float32)
    found[:, 0] = ["alarm" in text for text in texts]
    return found


def test_a_label_is_the_highest_of_its_heads(tmp_path: Path) -> None:
    """Meaning raises the first head, wording the second; `either` follows both."""
    scores = _heads(tmp_path).score(["calm", "alarm", "bad", ""], _encode)
    assert scores.shape == (4, 2)
    assert scores.dtype == np.float32
    assert (scores[1, 0] > 0.9, scores[1, 1] < 0.1) == (True, True)
    assert (scores[2] > 0.9).all()
    assert (scores[[0, 3]] < 0.1).all()


def test_scores_do_not_depend_on_the_company(tmp_path: Path) -> None:
    """Every text alone and all together give the same numbers."""
    heads = _heads(tmp_path)
    texts = ["bad news", "an alarm", "", "nothing at all", "bad bad alarm"]
    together = heads.score(texts, _encode)
    np.testing.assert_array_equal(together, np.concatenate([heads.score([text], _encode) for text in texts]))


def test_extreme_scores_stay_numbers(tmp_path: Path) -> None:
    """No overflow, no NaN, however sure the heads are."""
    heads = _heads(tmp_path, blend=np.array([[1e4, 0, 0], [0, 1e4, -1e5]], dtype=np.float32))
    scores = heads.score(["alarm", "calm"], _encode)
    assert np.isfinite(scores).all()
    assert scores[0, 0] == 1.0
    assert scores[1, 1] == 0.0


def test_no_texts_give_no_rows(tmp_path: Path) -> None:
    """An empty batch is not an error."""
    assert _heads(tmp_path).score([], _encode).shape == (0, 2)


def test_another_format_is_refused(tmp_path: Path) -> None:
    """The message names both formats."""
    with pytest.raises(ValueError, match=r"heads\.npz has format 9, this version reads format 1"):
        _heads(tmp_path, format=np.array(9))


def test_a_file_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    """Pickle runs code when it is read."""
    with pytest.raises(ValueError, match="allow_pickle"):
        _heads(tmp_path, labels=np.array([{"a": 1}], dtype=object))
