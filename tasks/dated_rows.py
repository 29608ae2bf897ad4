"""Dated rows of a pipeline's own sources, in time order: the traffic that a replay sends."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from assay.errors import SpecError
from assay.json_types import Json
from assay.loaders import load_class, open_loader
from assay.sdk import Collector
from assay.settings import Settings
from assay.sources.fetch import fetch_sources
from assay.sources.landing import Landing
from assay.spec import PipelineSpec
from tasks.replay_traffic import DatedRows


def dated_rows(spec: PipelineSpec, settings: Settings, options: dict[str, Json] | None, workdir: Path) -> DatedRows:
    """The rows after the training data, by the collector's `replay_options`; `options` override them.

    Raises SpecError when the pipeline's collector does not say how its later rows are collected.
    """
    kind = replayable(spec)
    chosen = {**spec.data.collector.options, **kind.replay_options, **(options or {})}
    return _collect(spec, settings, chosen, workdir)


def stable_rows(spec: PipelineSpec, settings: Settings, workdir: Path) -> DatedRows:
    """The rows of the training period in random order: a stream in which nothing changes."""
    replayable(spec)
    rows = _collect(spec, settings, dict(spec.data.collector.options), workdir)
    order = list(range(len(rows)))
    random.Random(spec.train.seed).shuffle(order)  # noqa: S311 - an order, not a secret
    return DatedRows(
        rows.inputs[order], rows.labels[order], tuple(rows.at[i] for i in order), tuple(rows.row_ids[i] for i in order)
    )


def replayable(spec: PipelineSpec) -> type[Collector]:
    """The pipeline's collector. Raises SpecError when it does not date its rows."""
    reader = spec.data.collector.reader
    kind = cast("type[Collector]", load_class(reader, Collector)) if ":" in reader else Collector
    if not kind.time_column:
        raise SpecError(
            f"{spec.name}: expected a collector with `time_column` and `replay_options`, found {reader}; "
            "say in your Collector class which column dates a row and which options collect the later rows"
        )
    return kind


def _collect(spec: PipelineSpec, settings: Settings, options: dict[str, Json], workdir: Path) -> DatedRows:
    import pyarrow as pa

    landing = Landing(workdir / "files", workdir / "scratch", datetime.now(UTC))
    landing.folder.mkdir(parents=True)
    landing.scratch.mkdir()
    fetch_sources(spec.data.collector.sources, landing, settings)
    kind = replayable(spec)
    table = pa.Table.from_batches(list(kind(**options).rows_function(landing.folder)))
    table = table.sort_by([(kind.time_column, "ascending"), ("row_id", "ascending")])
    rows = open_loader(spec).load_function(iter(table.to_batches()), spec.data.collector.label)
    return DatedRows(rows.inputs, rows.labels, tuple(table[kind.time_column].to_pylist()), rows.row_ids)
