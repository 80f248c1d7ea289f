"""What `herdsman controller` and `herdsman web` take, and what they refuse before anything starts."""

import pytest
from click.testing import CliRunner

from cli.controller import controller
from cli.service.folder import share_folder, take_folder
from cli.service.process_options import database_address
from cli.up import up
from cli.web import web
from schemas.errors import UsageError


def test_the_address_comes_from_a_file_or_the_environment(tmp_path):
    """A file wins over the environment, and both may hold a password."""
    file = tmp_path / "database"
    file.write_text("postgresql://ops:secret@db/fleet\n")
    file.chmod(0o600)
    assert database_address("postgresql://env/x", file, typed=False) == "postgresql://ops:secret@db/fleet"
    assert database_address("postgresql://ops:s@db/x", None, typed=False) == "postgresql://ops:s@db/x"
    assert database_address("postgresql://ops@db/x", None, typed=True) == "postgresql://ops@db/x"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read_is_refused(tmp_path, mode):
    """As every other file with a credential; its content is not shown."""
    file = tmp_path / "database"
    file.write_text("postgresql://ops:secret@db/fleet\n")
    file.chmod(mode)
    with pytest.raises(UsageError, match=f"chmod 600 {file}") as refused:
        database_address("", file, typed=False)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("postgresql://ops:secret@db/fleet", "every user of this machine"),
        ("sqlite:///herdsman.db", "several processes meet in PostgreSQL"),
        ("mysql://db/fleet", "not supported"),
        ("", "say where the database is"),
    ],
)
def test_addresses_that_cannot_be_are_refused_without_their_password(given, text):
    """What is wrong with an address is said with what to do, and no password is shown."""
    with pytest.raises(UsageError, match=text) as refused:
        database_address(given, None, typed=True)
    assert "secret" not in str(refused.value)


def test_a_missing_file_and_two_addresses_are_refused(tmp_path):
    """Nothing is guessed."""
    with pytest.raises(UsageError, match="cannot be read"):
        database_address("", tmp_path / "missing", typed=False)
    with pytest.raises(UsageError, match="not both"):
        database_address("postgresql://db/x", tmp_path / "missing", typed=True)


def test_a_password_in_the_command_line_starts_nothing(tmp_path):
    """The command itself tells an option from the environment."""
    arguments = ["--data", str(tmp_path), "--database", "postgresql://ops:secret@db/fleet"]
    for command in (controller, web):
        refused = CliRunner().invoke(command, arguments)
        assert isinstance(refused.exception, UsageError)
        assert "--database-file" in str(refused.exception)


def test_a_controller_on_every_address_must_say_its_own(tmp_path):
    """The web could not find the leader at 0.0.0.0."""
    environment = {"HERDSMAN_DATABASE": "postgresql://ops:secret@db/fleet"}
    arguments = ["--data", str(tmp_path), "--listen", "0.0.0.0:8421", "--insecure"]
    refused = CliRunner().invoke(controller, arguments, env=environment)
    assert "--own-url" in str(refused.exception)


def test_what_up_takes_the_controller_takes():
    """A new option of `herdsman up` about sources, Nomad or builds is one of the controller by itself."""
    of_the_web = {"victoriametrics", "keep", "explain_url", "explain_model", "explain_key_file"}
    names = {one.name for one in up.params} - {"scheduler", "seed", "sign_in_link"} - of_the_web
    assert names <= {one.name for one in controller.params}
    assert of_the_web <= {one.name for one in web.params}


def test_controllers_share_a_folder_that_up_must_have_alone(tmp_path):
    """Two controllers on one folder are fine; `herdsman up` beside them is not, nor they beside it."""
    first, second = share_folder(tmp_path), share_folder(tmp_path)
    with pytest.raises(UsageError, match="in use"):
        take_folder(tmp_path)
    first.close()
    second.close()
    alone = take_folder(tmp_path)
    with pytest.raises(UsageError, match="in use by `herdsman up`"):
        share_folder(tmp_path)
    alone.close()
