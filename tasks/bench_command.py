"""`assay bench`: how robust a model file is, measured without Airflow."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from assay.cli.output import json_option, print_json, say
from assay.records import Verdict

_NO = 3
_MOST_GIB, _MOST_SECONDS = 1 << 20, 365 * 86_400


def _finite(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """NaN is in every range, and bounds nothing."""
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(one is None or math.isfinite(one) for one in numbers):
        raise click.BadParameter(f"expected a finite number, found {' '.join(map(str, numbers))}")
    return value


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--norm", type=click.Choice(["linf", "l2"]), default="linf", show_default=True, help="Of the attacker.")
@click.option(
    "--epsilon",
    type=click.FloatRange(0, min_open=True),
    required=True,
    callback=_finite,
    help="How far inputs may be moved: a share of the range from black to white, or of a column's lowest to highest.",
)
@click.option(
    "--suite",
    type=click.Choice(["quick", "standard", "full"]),
    default="quick",
    show_default=True,
    help="standard: the AutoAttack protocol. quick: our own order, a quarter of the time. full: with restarts.",
)
@click.option("--samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Rows to attack at most.")
@click.option(
    "--labels", metavar="COL", help="Column or array of labels; default: one called label, y, target or class."
)
@click.option(
    "--range",
    "black_white",
    type=(float, float),
    metavar="BLACK WHITE",
    callback=_finite,
    help="What black and white are to the model; default: whichever of 0 1, 0 255, -1 1 it knows best.",
)
@click.option(
    "--min",
    "least",
    type=click.FloatRange(0, 1),
    callback=_finite,
    help="Fail (exit 3) below this robust accuracy.",
)
@click.option(
    "--corruptions/--no-corruptions",
    default=True,
    show_default=True,
    help="Also measure images under noise, blur, weather and compression.",
)
@click.option("--curve", is_flag=True, help="Also measure attackers of half and a quarter of epsilon, on 200 rows.")
@click.option(
    "--memory",
    type=click.FloatRange(0, _MOST_GIB, min_open=True),
    metavar="GIB",
    callback=_finite,
    help="What model and rows may take; default: four fifths of this machine.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, _MOST_SECONDS, min_open=True),
    callback=_finite,
    default=14_400,
    show_default=True,
    metavar="SECONDS",
    help="After which the measuring process is ended.",
)
@click.option(
    "--allow-network",
    is_flag=True,
    help="Measure even where the kernel cannot keep the model's reader off the network.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the document too.")
@click.option(
    "--sign",
    is_flag=True,
    help="Sign the document with this deployment's key and append it to its ledger; FILE.dsse.json gets the envelope.",
)
@click.option("--device", default="cpu", show_default=True, help="Where gradients are made: cpu, cuda, cuda:1.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Equal seeds give equal answers."
)
@json_option
def bench(
    model: Path,
    dataset: Path,
    norm: str,
    epsilon: float,
    suite: str,
    samples: int,
    labels: str | None,
    black_white: tuple[float, float] | None,
    least: float | None,
    corruptions: bool,
    curve: bool,
    memory: float | None,
    timeout: float,
    allow_network: bool,
    out: Path | None,
    sign: bool,
    device: str,
    seed: int,
    as_json: bool,
) -> None:
    """Attack MODEL, an ONNX file or a program of torch.export.save, on DATASET, and say how many rows stand.

    A row counts as robust when no attack of the suite fooled the model on it. Every attack first has to fell a model
    known to be weak, and signs of masked gradients are looked for: when one is found the verdict is not_checked,
    whatever the number. DATASET is what `assay screen` reads. Needs no stack.

    MODEL is scanned first, and opened in a process of its own without network, other files or endless memory. Exit
    code 0 when the verdict is passed, 3 when it is failed, as by a finding of the scan, or not_checked, 2 for bad
    input.
    """
    from tasks.attacks.ball import Ball
    from tasks.benchmarking.benchmark_files import benchmark_files
    from tasks.benchmarking.confined_run import GIB, Limits, default_memory_bytes
    from tasks.benchmarking.keep_result import Keeper
    from tasks.robustness.bench_model import BenchRequest

    ball = Ball("l2" if norm == "l2" else "linf", epsilon)
    asked = BenchRequest(
        model, dataset, ball, suite, labels, samples, black_white, device, seed, least, corruptions, curve
    )
    limits = Limits(default_memory_bytes() if memory is None else int(memory * GIB), timeout, allow_network)
    keeper = Keeper.ready(out, sign)
    document = keeper.keep(benchmark_files(asked, limits, say), asked)
    if as_json:
        print_json(document)
    else:
        _tell(document)
    if document["verdict"] != Verdict.PASSED.value:
        raise click.exceptions.Exit(_NO)


def _tell(document: Mapping[str, Any]) -> None:
    if document["samples"]:
        _tell_numbers(document)
    else:
        click.echo(f"{document['verdict']}: nothing was measured, in {document['seconds']:.1f} s")
    for check in document["checks"]:
        if check["verdict"] != Verdict.PASSED.value:
            click.echo(f"{check['verdict']}: {check['name']}: {check['detail']}")
    for note in document["notes"]:
        click.echo(f"note: {note}")
    if "statement" in document:
        click.echo(f"signed: {document['statement']['sha256']}, {document['statement']['kept']}")


def _tell_numbers(document: Mapping[str, Any]) -> None:
    (low, high), threat = document["ci95"], document["threat_model"]
    click.echo(
        f"{document['verdict']}: robust accuracy {document['robust_accuracy']:.4f} (95 % {low:.4f} to {high:.4f}) at "
        f"{threat['norm']} {threat['epsilon']:g}, clean {document['clean_accuracy']:.4f}, "
        f"{document['samples']} rows, {document['seconds']:.1f} s"
    )
    if "mean_corruption_accuracy" in document:
        worst = min(document["corruptions"], key=lambda one: one["accuracy"])
        click.echo(
            f"corruptions: mean accuracy {document['mean_corruption_accuracy']:.4f}, worst {worst['accuracy']:.4f} "
            f"under {worst['name']} {worst['severity']}"
        )
    for point in document.get("curve", ()):
        click.echo(f"at {point['epsilon']:g}: robust accuracy {point['robust_accuracy']:.4f} of {point['rows']} rows")
