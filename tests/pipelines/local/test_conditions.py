import pytest

from hydra_vertex.pipelines.local.conditions import holds, inputs_of
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json

A, B = "inputs.parameter_values['pipelinechannel--a']", "inputs.parameter_values['pipelinechannel--b-c']"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{A} == 'it is && !x'", True),
        (f"{A} != 'it is && !x'", False),
        (f"int({B}) == 2", True),
        (f"double(int({B})) < 2.5", True),
        (f"double(int({B})) >= -1.0", True),
        (f"!(int({B}) > 1)", False),
        (f"!(int({B}) > 1) || {A} == 'x'", False),
        (f"!(int({B}) > 1) || {A} == 'it is && !x'", True),
        (f"int({B}) > 1 && !({A} == 'x') && true != false", True),
    ],
)
def test_a_condition_is_evaluated_by_the_values(condition: str, expected: bool) -> None:
    values: dict[str, Json] = {"pipelinechannel--a": "it is && !x", "pipelinechannel--b-c": 2.0}

    assert holds(condition, values.__getitem__) is expected
    assert set(inputs_of(condition)) <= set(values)


def test_a_text_with_quotes_is_a_value_and_no_part_of_the_condition() -> None:
    assert holds(f"{A} == 'x'", lambda _: "x' or 'a' == 'a") is False


@pytest.mark.parametrize(
    "condition", [f"{A}.size() == 1", f"{A} in ['a']", f"matches({A}, 'a')", f"{A} ==", "open('x')", "__import__('os')"]
)
def test_an_unknown_form_is_refused(condition: str) -> None:
    with pytest.raises(UserError, match="has a form that is not known here"):
        inputs_of(condition)


@pytest.mark.parametrize("value", [None, "a", {"a": 1}])
def test_a_value_that_cannot_be_compared_is_named(value: Json) -> None:
    with pytest.raises(UserError, match=r"cannot be evaluated with n = "):
        holds("int(inputs.parameter_values['n']) > 3", lambda _: value)
