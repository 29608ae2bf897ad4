"""The specs behind the DAGs: sound ones draw their DAGs although others are broken; broken ones are shown."""

from collections.abc import Iterator
from pathlib import Path

from airflow.sdk import get_parsing_context

from assay.errors import SpecError
from assay.settings import load_settings
from assay.spec import PipelineSpec
from assay.spec_file import read_spec, spec_paths


def sound_specs(*, check_classes: bool = True) -> Iterator[PipelineSpec]:
    """Every sound spec; in a task's process only the one whose DAG the task belongs to.

    check_classes: whether a class it names that does not read makes it unsound.
    """
    asked = _asked_pipeline()
    for path in spec_paths(_folder()):
        if asked in (None, path.stem):
            spec, problems = read_spec(path, check_classes=check_classes)
            if spec is not None and not problems:
                yield spec


def refuse_broken_specs() -> None:
    """Raise SpecError with every problem of every spec, so that Airflow shows them as one import error."""
    if _asked_pipeline() is not None:
        return
    folder = _folder()
    problems = [problem.text(path) for path in spec_paths(folder) for problem in read_spec(path)[1]]
    if problems:
        raise SpecError("pipelines without DAGs until they are mended:\n" + "\n".join(problems))


def _folder() -> Path:
    return load_settings().pipelines


def _asked_pipeline() -> str | None:
    """The pipeline whose DAG this process was started for; None in the DAG processor, which wants all."""
    dag_id = get_parsing_context().dag_id
    return dag_id.rpartition(".")[0] if dag_id else None
