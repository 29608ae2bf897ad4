"""Whoever runs a command is named, by number where the machine knows no name."""

import os

import pytest

from assay.manual_run import login_name, manual_run


def test_a_run_bears_the_login_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "vera")
    run = manual_run()
    assert (run.actor, run.trigger) == ("vera", "manual")
    assert run.run_id != manual_run().run_id


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)  # no entry in the user database
    assert login_name() == "uid:54321"
