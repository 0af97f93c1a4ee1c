"""The switches come from one data file, with the exact values that their programs understand."""

from freehold.sovereignty import phone_home


def test_vllm_understands_only_the_value_1() -> None:
    node = phone_home.environment("node")
    assert (node["VLLM_NO_USAGE_STATS"], node["DO_NOT_TRACK"]) == ("1", "1")


def test_each_component_says_what_it_sends_and_why_the_switch_is_so() -> None:
    assert all(entry["sends"] and entry["why"] and entry["environment"] for entry in phone_home.components())


def test_two_components_never_ask_for_different_values_of_one_variable() -> None:
    for where in ("node", "monitor", "control"):
        merged = phone_home.environment(where)
        mine = [entry for entry in phone_home.components() if entry["where"] == where]
        assert all(merged[name] == value for entry in mine for name, value in entry["environment"].items())
