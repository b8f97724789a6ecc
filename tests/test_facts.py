"""What the variants' answers mean."""

import pytest

from extensions.variants import FACTS
from tests.questions import choices


@pytest.mark.parametrize("question", FACTS)
def test_every_choice_has_its_facts(question: str) -> None:
    assert set(choices(question)) == set(FACTS[question])


@pytest.mark.parametrize("question", FACTS)
def test_every_choice_has_the_same_facts(question: str) -> None:
    assert len({frozenset(facts) for facts in FACTS[question].values()}) == 1


def test_ids_and_references_are_of_one_type() -> None:
    assert FACTS["id_type"]["uuidv7"] == {
        "id_column": "uuid PRIMARY KEY DEFAULT uuidv7()",
        "id_reference": "uuid",
    }
    assert FACTS["id_type"]["bigserial"] == {
        "id_column": "bigserial PRIMARY KEY",
        "id_reference": "bigint",
    }


def test_builder_and_runtime_have_the_same_python() -> None:
    for facts in FACTS["image_base"].values():
        minor = facts["runtime_python"].rsplit("python")[-1]
        assert facts["builder_image"].startswith(f"python:{minor}-")
