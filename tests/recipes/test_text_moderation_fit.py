from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from recipes.text_moderation import artefact, card, fit, measure
from recipes.text_moderation.features import tfidf
from recipes.text_moderation.sources import HEADS, UNKNOWN
from scipy.sparse import csr_matrix

from noisegate.signals.text import lexical
from noisegate.signals.text.heads import TextHeads

NETWORK = {"hidden": 8, "epochs": 40, "batch": 32, "learning_rate": 0.01, "dropout": 0.0, "decay": 0.001}
LINEAR = {"inverse_regularisation": 3.0, "iterations": 50}
ROWS = 320


@pytest.fixture(scope="module")
def rows() -> dict[str, Any]:
    """Embeddings whose first two entries carry two heads; the second head is unknown in half of the rows."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(ROWS, 512)).astype(np.float32) / 20
    embeddings[:, :2] *= 60
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = np.tile(np.int8(0), (ROWS, len(HEADS)))
    labels[:, 0] = embeddings[:, 0] > 0
    labels[:, 1] = embeddings[:, 1] > 0
    labels[: ROWS // 2, 1] = UNKNOWN
    labels[:4, 2:] = 1
    words = np.array(["calm sea", "loud storm"])[labels[:, 0]]
    return {
        "embeddings": embeddings,
        "labels": labels,
        "texts": words.tolist(),
        "weights": np.ones(ROWS, dtype=np.float32),
    }


def test_the_network_learns_from_known_labels_only(rows: dict[str, Any]) -> None:
    """Unknown rows do not count as negatives: the second head is learned although half of it is hidden."""
    network = fit.fit_semantic(rows["embeddings"], rows["labels"], rows["weights"], NETWORK, 1)
    logits = network.logits(rows["embeddings"])
    hidden = rows["labels"][:, 1] == UNKNOWN
    truth = rows["embeddings"][:, 1] > 0
    assert measure.auroc(truth[hidden], logits[hidden, 1]) > 0.95


def test_training_twice_gives_the_same_numbers(rows: dict[str, Any]) -> None:
    """Seeded draws, one thread."""
    first, second = (
        fit.fit_semantic(rows["embeddings"], rows["labels"], rows["weights"], NETWORK, 7) for _ in range(2)
    )
    np.testing.assert_array_equal(first.hidden_weights, second.hidden_weights)


def test_a_blend_is_calibrated_for_the_declared_share_of_positives() -> None:
    """With equal numbers in the data and one in ten declared, the scores mean one in ten."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.int8([1, 0]), 4000)[:, None]
    views = rng.normal(size=(8000, 1)).astype(np.float32) + 2.0 * labels
    noise = rng.normal(size=(8000, 1)).astype(np.float32)
    weights = np.ones((8000, 1), dtype=np.float32)
    blend = fit.fit_blend(views, noise, labels, weights, [0.1])
    scores = fit.blended(views, noise, blend)[:, 0]
    assert measure.calibration_error(labels[:, 0] == 1, scores, 0.1) < 0.02
    assert measure.calibration_error(labels[:, 0] == 1, scores, 0.5) > 0.1


def test_a_view_that_points_the_wrong_way_gets_no_say() -> None:
    """More of a view never means less of the label."""
    labels = np.repeat(np.int8([1, 0]), 500)[:, None]
    good = np.random.default_rng(2).normal(size=(1000, 1)).astype(np.float32) + 2.0 * labels
    blend = fit.fit_blend(good, -0.1 * good - labels, labels, np.ones((1000, 1), dtype=np.float32), [0.5])
    assert blend[0, 0] > 0
    assert blend[0, 1] == 0


def test_our_own_rows_are_a_bounded_share_of_what_a_head_is_calibrated_on() -> None:
    """Many easy sentences of ours do not decide what a score means; where there is nothing else, they count fully."""
    labels = np.int8([[0, 1]] * 90 + [[0, UNKNOWN]] * 10)
    own = np.arange(100) < 90
    weights = fit.shares_capped(labels, own, 0.5)
    assert weights[own, 0].sum() == pytest.approx(weights[~own, 0].sum())
    assert (weights[own, 1] == 1.0).all()


class Trained(NamedTuple):
    """One small artefact and what it was written from."""

    network: fit.Semantic
    linear: fit.Lexical
    matrix: csr_matrix
    idf: fit.Floats

    def write(self, path: Path) -> Path:
        """Write it to `path`."""
        blend = np.tile(np.float32([0.5, 0.5, 0.1]), (len(HEADS), 1))
        labels = {"first": ["hate", "sexism"], "second": ["harassment"]}
        artefact.write(path, semantic=self.network, lexical=self.linear, idf=self.idf, blend=blend, labels=labels)
        return path


@pytest.fixture(scope="module")
def trained(rows: dict[str, Any]) -> Trained:
    """Both views, trained once."""
    network = fit.fit_semantic(rows["embeddings"], rows["labels"], rows["weights"], NETWORK, 1)
    matrix, idf = tfidf(rows["texts"], None)
    return Trained(network, fit.fit_lexical(matrix, rows["labels"], rows["weights"], LINEAR), matrix, idf)


def test_the_artefact_scores_as_it_was_trained(tmp_path: Path, rows: dict[str, Any], trained: Trained) -> None:
    """Short precision costs little, and inference computes what training computed."""
    heads = TextHeads.load(trained.write(tmp_path / "heads.npz"))
    assert heads.labels == ("first", "second")
    expected = trained.network.logits(rows["embeddings"])
    np.testing.assert_allclose(heads.semantic_logits(rows["embeddings"]), expected, atol=0.1)
    np.testing.assert_allclose(heads.lexical_logits(rows["texts"]), trained.linear.logits(trained.matrix), atol=0.1)


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path, trained: Trained) -> None:
    """The hash names the computation, not the hour it ran."""
    first, second = (artefact.sha256(trained.write(tmp_path / name)) for name in ("first.npz", "second.npz"))
    assert first == second


def test_a_label_can_be_taken_out(tmp_path: Path, trained: Trained) -> None:
    """What its gate does not release is not in the file."""
    path = trained.write(tmp_path / "heads.npz")
    artefact.only(path, ["second"])
    heads = TextHeads.load(path)
    assert heads.labels == ("second",)
    assert heads.members.shape == (1, len(HEADS))


def test_tfidf_uses_the_frequencies_it_is_given() -> None:
    """A test set is weighed with the training set's frequencies."""
    _, idf = tfidf(["one two", "one three"], None)
    matrix, same = tfidf(["one four"], idf)
    assert same is idf
    assert matrix.shape == (1, lexical.BUCKETS)


DRAWN = measure.Bootstrap(rounds=60, seed=3)


def test_intervals_hold_the_figure_and_shrink_with_the_sample() -> None:
    """Ten times the rows give a narrower interval."""
    rng = np.random.default_rng(4)

    def interval(n: int) -> measure.Figure:
        truth = np.arange(n) % 2 == 0
        scores = (rng.normal(size=n) + truth).astype(np.float32)
        return measure.figures({"auroc": measure.auroc}, truth, scores, DRAWN)["auroc"]

    small, large = interval(40), interval(600)
    for figure in (small, large):
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert large["high"] - large["low"] < small["high"] - small["low"]


def test_rows_of_one_template_are_resampled_together() -> None:
    """A hundred copies of ten sentences prove no more than ten sentences."""
    truth = np.tile([True, False], 500)
    scores = np.tile(np.random.default_rng(5).random(10).astype(np.float32), 100)
    clusters = [str(n % 10) for n in range(1000)]
    alone = measure.figures({"recall": measure.recall}, truth, scores, DRAWN)["recall"]
    together = measure.figures({"recall": measure.recall}, truth, scores, DRAWN, clusters)["recall"]
    assert together["high"] - together["low"] > alone["high"] - alone["low"]


def test_figures_at_the_threshold() -> None:
    """Recall and false alarms count scores of 0.5 and more; recall at 1 % looks beyond the worst negative in a hundred."""
    truth = np.array([True, True, False, False])
    scores = np.float32([0.5, 0.4, 0.5, 0.1])
    assert measure.recall(truth, scores) == 0.5
    assert measure.false_alarms(truth, scores) == 0.5
    assert measure.recall_at_one_percent(truth, scores) == 0.0
    assert measure.macro_f1(truth, scores) == pytest.approx(0.5)
    assert measure.share(np.array([True, False]), DRAWN)["value"] == 0.5


def test_the_card_is_written_from_figures() -> None:
    """Tables have as many cells as columns; nothing is filled in by hand."""
    released = Path(card.__file__).parents[2] / "models" / "text-moderation-heads"
    text = (released / "CARD.md").read_text(encoding="utf-8")
    for block in text.split("\n\n"):
        if block.startswith("|"):
            widths = {line.count(" | ") for line in block.splitlines()}
            assert len(widths) == 1, block[:200]
