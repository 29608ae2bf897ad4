"""A wrong spec is explained before anything runs: file, line, field, what was meant, what to do."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assay.errors import SpecError
from assay.near_miss import edit_distance
from assay.spec import PipelineSpec
from assay.spec_file import load_spec, load_specs, spec_errors

FIXTURES = Path(__file__).parent / "spec_fixtures"
SOUND = sorted((FIXTURES / "sound").glob("*.yaml"))
BROKEN = sorted((FIXTURES / "broken").glob("*.yaml"))
EVERYTHING = FIXTURES / "sound" / "everything.yaml"


@pytest.fixture(autouse=True)
def trial_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FIXTURES))


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_sound_spec_loads_without_running_user_code(path: Path) -> None:
    assert spec_errors(path) == []
    assert load_spec(path).name == path.stem


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_spec_gives_one_error_at_its_line_with_the_next_step(path: Path) -> None:
    """The first line of each file says what is wrong with it: `# LINE | FIELD | WORDS`."""
    line, field, words = (part.strip() for part in path.read_text().splitlines()[0].removeprefix("#").split("|"))
    problems = spec_errors(path)
    assert len(problems) == 1, problems
    assert (problems[0].line, problems[0].field) == (int(line), field)
    assert words in f"{problems[0].message}; {problems[0].hint}"
    with pytest.raises(SpecError, match=rf"{path.name}:{line}: "):
        load_spec(path)


def test_all_errors_of_a_file_come_at_once_in_line_order(tmp_path: Path) -> None:
    text = EVERYTHING.read_text().replace("priority: 3", "priorty: 3").replace("must: beat", "must: bet")
    text = text.replace("fraction: 0.25", "fraction: 25").replace("rows: 500", "rows: many")
    problems = spec_errors(_written(tmp_path / "everything.yaml", text))
    assert [problem.field for problem in problems] == [
        "priorty",
        "data.holdout.fraction",
        "gate.1.must",
        "monitor.window.rows",
    ]
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)


def test_error_reads_file_line_field_message_hint(tmp_path: Path) -> None:
    path = _written(tmp_path / "everything.yaml", EVERYTHING.read_text().replace("  seed: 7", "  sed: 7"))
    line = path.read_text().splitlines().index("  sed: 7") + 1
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value) == f"{path}:{line}: train.sed: unknown key; did you mean 'seed'?"


def _keys(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[yaml.Node, tuple[str, ...]]]:
    """Every key of the spec's own vocabulary, and its path."""
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _keys(item, (*path, str(position)))
    if isinstance(node, yaml.MappingNode) and path[-1:] not in (("arguments",), ("options",)):
        for key, value in node.value:
            yield key, (*path, key.value)
            yield from _keys(value, (*path, key.value))


KEYS = list(_keys(yaml.compose(EVERYTHING.read_text())))


def _vocabulary() -> set[str]:
    words: set[str] = set()
    schema = PipelineSpec.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        words |= set(part.get("properties", {}))
    return words | {"nesterov", "rate", "optimizer", "epochs", "step", "depth", "tag", "widths"}


VOCABULARY = _vocabulary()


@settings(max_examples=300, deadline=None)
@given(
    place=st.integers(0, len(KEYS) - 1),
    slip=st.sampled_from(["drop", "double", "swap", "replace"]),
    at=st.integers(0, 30),
    letter=st.sampled_from("aeiounrstlx"),
)
def test_any_misspelt_key_is_found_at_its_line_and_set_right(
    tmp_path_factory: pytest.TempPathFactory, place: int, slip: str, at: int, letter: str
) -> None:
    key, path = KEYS[place]
    word, at = key.value, at % len(key.value)
    wrong = {
        "drop": word[:at] + word[at + 1 :],
        "double": word[: at + 1] + word[at:],
        "swap": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
        "replace": word[:at] + letter + word[at + 1 :],
    }[slip]
    # A slip that makes another legal word, or lies as near to one, is not a misspelling anyone could tell.
    assume(len(wrong) > 1 and wrong != word)
    assume(all(edit_distance(wrong, other) > 1 for other in VOCABULARY if other != word))
    text = EVERYTHING.read_text()
    text = text[: key.start_mark.index] + wrong + text[key.end_mark.index :]
    folder = tmp_path_factory.mktemp("spec")
    problems = spec_errors(_written(folder / "everything.yaml", text))
    shutil.rmtree(folder)
    line = key.start_mark.line + 1
    found = [problem for problem in problems if (problem.line, problem.field) == (line, ".".join((*path[:-1], wrong)))]
    assert len(found) == 1, problems
    assert found[0].hint == f"did you mean {word!r}?"
    assert problems == found


def test_numbers_in_exponent_form_are_numbers_and_dates_stay_text() -> None:
    spec = load_spec(EVERYTHING)
    assert spec.train.search["rate"].low == 1e-4
    assert spec.data.collector.options["until"] == "2002-10-09"


def test_one_broken_spec_is_named_when_a_folder_is_loaded(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "sound" / "smallest.yaml", tmp_path)
    shutil.copy(FIXTURES / "broken" / "unknown_key.yaml", tmp_path)
    assert [spec.name for spec in load_specs(tmp_path, only=["smallest"])] == ["smallest"]
    with pytest.raises(SpecError, match=r"unknown_key\.yaml:9: train\.modle"):
        load_specs(tmp_path)
    with pytest.raises(SpecError, match="did you mean 'smallest'"):
        load_specs(tmp_path, only=["smalest"])


def test_python_objects_in_yaml_are_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "x.yaml", "name: !!python/object/apply:os.getcwd []\n")
    assert "refused" in spec_errors(path)[0].hint


def test_missing_file_is_a_spec_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path / "nowhere.yaml")


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
