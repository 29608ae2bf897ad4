"""A home keeps its ports and secrets, shows them to its owner only, and configures without them."""

import stat

import pytest

from assay.errors import SpecError
from assay.settings import load_settings
from assay.stack.engines import programs
from assay.stack.home import PORTS, open_home
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
    with pytest.raises(SpecError, match="expected one of postgres"):
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
