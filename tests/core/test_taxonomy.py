import pytest

from noisegate.core.errors import UnknownNameError
from noisegate.core.taxonomy import Label, default_taxonomy

OPENAI = {
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
}  # fmt: skip


@pytest.mark.parametrize("label", list(default_taxonomy()), ids=lambda label: label.code)
def test_every_label_can_be_reported(label: Label) -> None:
    """A definition, a number in the written policy, and a DSA category with its keyword."""
    assert label.definition
    assert label.reference
    assert label.dsa
    assert all(entry.count("/") == 1 and entry == entry.upper() for entry in label.dsa)


def test_mappings_use_only_words_of_the_other_vocabularies() -> None:
    """MLCommons hazards run from S1 to S14; OpenAI's moderation categories are thirteen."""
    taxonomy = default_taxonomy()
    assert {name for label in taxonomy for name in label.mlcommons} <= {f"S{n}" for n in range(1, 15)}
    assert {name for label in taxonomy for name in label.openai} == OPENAI


def test_what_concerns_minors_is_for_matching_only() -> None:
    """No training, no generation, no examples: the taxonomy itself says so."""
    marked = {label.code for label in default_taxonomy() if label.hash_only}
    assert {"dangerous.minors.material", "dangerous.minors.synthetic", "dangerous.minors.enticement"} <= marked


def test_references_are_distinct() -> None:
    """One number, one label."""
    references = [label.reference for label in default_taxonomy()]
    assert len(references) == len(set(references))


def test_a_misspelt_label_is_answered_with_the_nearest() -> None:
    """Errors are for the person who can fix them."""
    with pytest.raises(UnknownNameError, match=r"did you mean `dangerous\.threat`"):
        default_taxonomy().label("dangerous.thraet")
