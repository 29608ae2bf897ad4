"""A home keeps its ports and secrets, shows them to its owner only, and configures without them."""

import os
import socket
import stat
import subprocess
import sys
import tempfile

import pytest

from assay.errors import EngineUnavailable, SpecError
from assay.settings import load_settings
from assay.stack.engines import programs
from assay.stack.environment import common_environment
from assay.stack.home import PORTS, open_home
from assay.stack.leftovers import end_all, leftovers
from assay.stack.preparation import check_ports
from assay.stack.settings_file import write_settings
from assay.stack.supervision import configuration


def test_ports_and_secrets_are_chosen_once(tmp_path):
    first, second = open_home(tmp_path), open_home(tmp_path)
    assert first.ports == second.ports
    assert first.secrets == second.secrets
    assert len(set(first.ports.values())) == len(PORTS)


def test_a_given_port_is_kept_for_the_next_start(tmp_path):
    open_home(tmp_path)
    open_home(tmp_path, ports={"airflow": 18080})
    assert open_home(tmp_path).ports["airflow"] == 18080


def test_unknown_port_name_is_a_spec_error(tmp_path):
    with pytest.raises(SpecError, match="no such engine"):
        open_home(tmp_path, ports={"aiflow": 1})


def test_secrets_are_readable_by_their_owner_only(tmp_path):
    write_settings(open_home(tmp_path))
    for name in ("secrets.json", "settings.env"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_two_homes_share_no_secret(tmp_path):
    first, second = open_home(tmp_path / "a"), open_home(tmp_path / "b")
    assert not set(first.secrets.values()) & set(second.secrets.values())


def test_settings_file_says_what_settings_read(tmp_path, monkeypatch):
    home = open_home(tmp_path)
    write_settings(home)
    settings = load_settings(tmp_path)
    assert settings.api_url == home.url("api")
    assert settings.s3_secret_key.get_secret_value() == home.secrets["s3_secret_key"]
    assert home.secrets["s3_secret_key"] not in repr(settings)


def test_no_secret_stands_in_the_supervisors_configuration_or_in_arguments(tmp_path):
    home = open_home(tmp_path)
    text = configuration(home)
    for program in programs():
        if program.name != "triton":  # it takes its header only as an argument
            text += " ".join(program.start(home).arguments)
    assert not [name for name, secret in home.secrets.items() if secret in text]


def test_everything_listens_on_loopback(tmp_path):
    home = open_home(tmp_path)
    for program in programs():
        arguments = " ".join(program.start(home).arguments)
        assert "0.0.0.0" not in arguments  # noqa: S104 - the very thing refused
        assert "127.0.0.1" in arguments or program.engine in ("airflow", "postgres")


def test_a_port_in_use_is_named_with_its_holder(tmp_path):
    home = open_home(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", home.ports["mlflow"]))
        other.listen()
        with pytest.raises(EngineUnavailable, match=rf"mlflow: .*in use by process {os.getpid()};.*--port mlflow="):
            check_ports(home)
    check_ports(home)


def test_folders_are_closed_to_other_users(tmp_path):
    home = open_home(tmp_path / "home")
    folders = [home.run, home.logs, home.root / "s3", home.root / "capture", home.triton_repository]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * len(folders)
    assert not stat.S_IMODE(home.root.stat().st_mode) & 0o066


def test_run_folder_made_by_someone_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = open_home(tmp_path / "home").run
    first.chmod(0o777)
    second = open_home(tmp_path / "home").run
    assert second != first
    assert stat.S_IMODE(second.stat().st_mode) == 0o700


def test_processes_that_write_their_own_title_are_found(tmp_path):
    home = open_home(tmp_path)
    code = "import setproctitle, time; setproctitle.setproctitle('renamed'); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], env=common_environment(home), stdout=subprocess.PIPE
    ) as renamed:
        assert renamed.stdout
        renamed.stdout.readline()
        assert [process.pid for process in leftovers(home)] == [renamed.pid]
        assert not leftovers(open_home(tmp_path / "other"))
        assert end_all(home) == 1
