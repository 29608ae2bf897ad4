"""The replay as one picture: accuracy over time of the served and of the static model, retrainings marked."""

from collections.abc import Sequence
from pathlib import Path

from tasks.replay_traffic import ChunkResult


def write_plot(results: Sequence[ChunkResult], title: str, path: Path) -> Path:
    """Write a PNG; returns its path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    positions = range(len(results))
    axes.plot(positions, [r.accuracy for r in results], marker="o", color="#1f5fa8", label="served")
    axes.plot(positions, [r.static_accuracy for r in results], marker="s", color="#8a8a8a", label="never retrained")
    for position, result in enumerate(results):
        if result.outcome.retrained:
            promoted = result.outcome.promoted
            axes.axvline(
                position + 0.5, color="#b3261e" if promoted else "#c9a227", linestyle="--" if promoted else ":"
            )
    axes.plot([], [], color="#b3261e", linestyle="--", label="drift, challenger promoted")
    axes.plot([], [], color="#c9a227", linestyle=":", label="drift, challenger refused")
    axes.set_xticks(list(positions), [f"{r.first:%d %b %Y}" for r in results], rotation=45, ha="right", fontsize=8)
    axes.set_ylabel("accuracy")
    axes.set_ylim(top=1.005)
    axes.set_title(title)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="lower left", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path
