"""`assay up`, `down`, `status`: the embedded stack."""

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.settings import default_home, load_settings

if TYPE_CHECKING:
    from assay.stack.home import Home
    from assay.stack.readiness import EngineStatus

_LOOK_SECONDS = 10.0

home_option = click.option(
    "--home", type=click.Path(path_type=Path), help="Folder of the stack; default $ASSAY_HOME, else .assay."
)


@click.command()
@home_option
@click.option("--detach", is_flag=True, help="Return when every engine answers; without it, Ctrl-C stops the stack.")
@click.option("--port", "ports", multiple=True, metavar="ENGINE=N", help="Fix a port; by default free ones are chosen.")
@click.option("--project", type=click.Path(path_type=Path, exists=True), help="Folder with dags/ and include/.")
@json_option
def up(home: Path | None, detach: bool, ports: tuple[str, ...], project: Path | None, as_json: bool) -> None:
    """Start PostgreSQL, S3, MLflow, Airflow, Ray, Triton and Assay's API on this machine.

    Everything listens on 127.0.0.1 and keeps its data, secrets and logs in the home folder. Calling it again
    starts what does not run. Exit codes: 0 every engine answers, 1 one does not (its log is named).
    """
    from assay.stack import lifecycle, pools

    opened = _opened(home, project, _ports(ports))
    started = time.monotonic()
    try:
        engines = lifecycle.up(opened, lambda engine: say(f"{time.monotonic() - started:6.1f} s  {_line(engine)}"))
        pools.make_pools(load_settings(opened.root))
        say(f"ready after {time.monotonic() - started:.1f} s; logs in {opened.logs}")
        if as_json:
            print_json({"engines": [engine.to_json() for engine in engines]})
        if not detach:
            _stay(opened, engines)
    except KeyboardInterrupt:
        if detach:
            raise
        say("stopping")
        lifecycle.down(opened)


@click.command()
@home_option
@json_option
def down(home: Path | None, as_json: bool) -> None:
    """Stop the stack; its data stay in the home folder. No process and no lock is left behind."""
    from assay.stack import lifecycle

    started = time.monotonic()
    ended = lifecycle.down(_existing(home))
    if as_json:
        print_json({"engines": [], "ended": ended, "seconds": time.monotonic() - started})
    else:
        click.echo(f"stopped after {time.monotonic() - started:.1f} s")


@click.command()
@home_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Show each engine: where it is, whether it answers, its pid and version. Exit code 1 when one does not.

    A model that should be served and is not, such as one in quarantine, is named with the reason.
    """
    from assay.stack import lifecycle

    engines = lifecycle.status(_existing(home))
    if as_json:
        print_json({"engines": [engine.to_json() for engine in engines]})
    else:
        for engine in engines:
            click.echo(_line(engine))
    sys.exit(0 if all(engine.healthy for engine in engines) else 1)


def _opened(home: Path | None, project: Path | None, ports: dict[str, int]) -> "Home":
    """The home to start; what runs keeps its ports until it is stopped."""
    from assay.stack.home import exists, open_home
    from assay.stack.supervision import is_supervised

    root = (home or default_home()).absolute()
    now = open_home(root) if ports and exists(root) else None
    if now and is_supervised(now) and any(now.ports.get(name) != number for name, number in ports.items()):
        raise SpecError(f"--port: {root} runs on other ports; stop it with `assay down`, then start it with these")
    return open_home(root, project and project.absolute(), ports)


def _existing(home: Path | None) -> "Home":
    from assay.stack.home import exists, open_home

    root = (home or default_home()).absolute()
    if not exists(root):
        raise SpecError(f"{root}: expected the home of a stack, found none; start one with `assay up`")
    return open_home(root)


def _ports(given: tuple[str, ...]) -> dict[str, int]:
    try:
        pairs = (pair.split("=") for pair in given)
        return {name: int(number) for name, number in pairs}
    except ValueError as error:
        raise SpecError(f"--port {' '.join(given)}: expected ENGINE=NUMBER, such as airflow=8080") from error


def _line(engine: "EngineStatus") -> str:
    notice = f"; {engine.notice}" if engine.notice else ""
    state = f"healthy{notice}" if engine.healthy else f"down: {engine.problem}"
    return f"{engine.name:<9} {engine.url:<34} pid {engine.pid:<7} {engine.version:<10} {state}"


def _stay(home: "Home", engines: "list[EngineStatus]") -> None:
    """Until Ctrl-C or SIGTERM; says when an engine stops answering and when it answers again."""
    from assay.stack import lifecycle

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say("Ctrl-C stops the stack")
    healthy = {engine.name: engine.healthy for engine in engines}
    while True:
        time.sleep(_LOOK_SECONDS)
        for engine in lifecycle.status(home):
            if engine.healthy != healthy[engine.name]:
                healthy[engine.name] = engine.healthy
                say(_line(engine))
