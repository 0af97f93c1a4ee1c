"""The lab's engine is llama.cpp unless a variable says vLLM; each has what its models need in its bundle."""

import pytest

from freehold.bundle.layout import set_name
from freehold.errors import UsageError
from freehold.lab.engine import ENGINES, LLAMA_CPP, VLLM, LabEngine, lab_engine
from freehold.weights.catalogue import chosen, read_catalogue


@pytest.mark.parametrize(
    ("environ", "engine"),
    [({}, LLAMA_CPP), ({"FREEHOLD_LAB_ENGINE": ""}, LLAMA_CPP), ({"FREEHOLD_LAB_ENGINE": "vllm"}, VLLM)],
)
def test_the_variable_chooses(environ: dict[str, str], engine: LabEngine) -> None:
    found = lab_engine(environ)
    assert (found.name, found.sets) == (engine.name, engine.sets)
    chat, *others = found.models
    assert "tools" in chat["chat_template"], "without it an engine drops tools without a word"
    assert others == list(engine.models[1:])


def test_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="llama_cpp or vllm"):
        lab_engine({"FREEHOLD_LAB_ENGINE": "vlm"})


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_the_bundle_holds_each_model_in_the_form_of_its_engine(engine: LabEngine) -> None:
    names = {set_name(one) for one in engine.sets}
    assert {model["engine"] for model in engine.models} <= names
    held = {(recipe.manifest.name, recipe.engine) for recipe in chosen(read_catalogue(), names)}
    assert {(model["name"], model["engine"]) for model in engine.models} == held
