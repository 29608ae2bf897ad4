"""`assay bench`: how robust a model file is, measured without Airflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from assay.cli.output import json_option, print_json, say
from assay.records import Verdict

_NO = 3


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--norm", type=click.Choice(["linf", "l2"]), default="linf", show_default=True, help="Of the attacker.")
@click.option(
    "--epsilon",
    type=click.FloatRange(0, min_open=True),
    required=True,
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
    help="What black and white are to the model; default: whichever of 0 1, 0 255, -1 1 it knows best.",
)
@click.option("--min", "least", type=click.FloatRange(0, 1), help="Fail (exit 3) below this robust accuracy.")
@click.option(
    "--corruptions/--no-corruptions",
    default=True,
    show_default=True,
    help="Also measure images under noise, blur, weather and compression.",
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
    device: str,
    seed: int,
    as_json: bool,
) -> None:
    """Attack MODEL, an ONNX file or a program of torch.export.save, on DATASET, and say how many rows stand.

    A row counts as robust when no attack of the suite fooled the model on it. Every attack first has to fell a model
    known to be weak, and signs of masked gradients are looked for: when one is found the verdict is not_checked,
    whatever the number. DATASET is what `assay screen` reads. Needs no stack. Exit code 0 when the verdict is passed,
    3 when it is failed or not_checked, 2 for bad input.
    """
    from tasks.attacks.ball import Ball
    from tasks.robustness.bench_model import BenchRequest, bench_model

    ball = Ball("l2" if norm == "l2" else "linf", epsilon)
    document = bench_model(
        BenchRequest(model, dataset, ball, suite, labels, samples, black_white, device, seed, least, corruptions), say
    )
    if as_json:
        print_json(document)
    else:
        _tell(document)
    if document["verdict"] != Verdict.PASSED.value:
        raise click.exceptions.Exit(_NO)


def _tell(document: Mapping[str, Any]) -> None:
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
    for check in document["checks"]:
        if check["verdict"] != Verdict.PASSED.value:
            click.echo(f"{check['verdict']}: {check['name']}: {check['detail']}")
    for note in document["notes"]:
        click.echo(f"note: {note}")
