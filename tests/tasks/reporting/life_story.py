"""What becomes of a model after its gate, as the stations state it."""

from typing import Any

from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.station import run_station
from tests.tasks.promotion_story import Story


def state(story: Story, step: Step, actor: str = "", **facts: Any) -> None:
    """A passed statement of `step` on the story's model, or on its deployment."""
    model = story.subjects["model"]
    deployment = Subject(f"deployment/{story.spec.name}", model.sha256)
    products: dict[Step, dict[str, Subject]] = {
        Step.REGISTER: {"registered": model},
        Step.DEPLOY: {"deployment": deployment},
        Step.ROLLBACK: {"deployment": deployment},
    }
    report = StepReport(
        step=step,
        pipeline=story.spec.name,
        verdict=Verdict.PASSED,
        products=products.get(step, {}),
        inputs={"deployment": deployment} if step is Step.CUT_OUT else {"model": model},
        judged={Step.CUT_OUT: ("deployment",), Step.APPROVE: ("model",)}.get(step, ()),
        checks=(Check("told", Verdict.PASSED, f"{step.value} was told"),),
        facts=facts,
    )
    story.context = RunContext(run_id=f"{story.context.run_id}-{step.value}", actor=actor)
    run_station(lambda _request, _bench: report, story.request, story.bench)


def register(story: Story, version: int) -> None:
    state(story, Step.REGISTER, version=version, alias="challenger", onnx_sha256="0" * 64)


def deploy(story: Story, version: int) -> None:
    state(story, Step.DEPLOY, version=version, onnx_sha256="0" * 64)
