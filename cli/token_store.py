"""Where an environment's token is kept: the keyring of the operating system, else a file of mode 0600.

The keyring's library is loaded only where a token is in it: a push waits for what `git-credential` imports.
"""

import stat
from pathlib import Path
from typing import Any

from cli.environments import Environment, config_folder, write_private
from schemas.errors import HerdsmanError, UsageError

KEYRING, FILE = "keyring", "file"


def token_file(name: str) -> Path:
    """Return the file with an environment's token, where it is kept in one."""
    return config_folder() / "tokens" / name


def choose_place(wanted: str) -> str:
    """Return where a token goes: as wanted, or with "auto" the keyring where one is usable.

    Raises UsageError where the keyring is wanted and none is usable.
    """
    if wanted == FILE:
        return FILE
    usable = keyring_usable()
    if wanted == KEYRING and not usable:
        raise UsageError("no usable keyring here (none runs, or none that encrypts): use --store file")
    return KEYRING if usable else FILE


def keyring_usable() -> bool:
    """Tell whether the operating system has a keyring that keeps a secret safe without asking for set-up.

    The library gives its real backends a priority of 1 or more, plain-text files less.
    """
    import keyring.core

    try:
        return float(keyring.core.get_keyring().priority) >= 1
    except Exception:  # noqa: BLE001 - a backend that fails in any way is none
        return False


def keep_token(environment: Environment, token: str) -> None:
    """Keep a token where the environment says. Raises HerdsmanError."""
    if environment.kept_in == FILE:
        write_private(token_file(environment.name), f"{token}\n")
        return
    _asked(environment, lambda ring: ring.set_password(_entry(environment), environment.name, token))


def read_token(environment: Environment) -> str:
    """Return an environment's token. Raises HerdsmanError where it cannot be had, or others may read it."""
    again = f"`herdsman env add {environment.name} --url {environment.url} --replace` keeps another"
    if environment.kept_in == FILE:
        file = token_file(environment.name)
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            token = file.read_text().strip()
        except OSError as error:
            raise HerdsmanError(f"the token of {environment.name} is gone ({file}): {again}") from error
        if mode & 0o077:
            raise HerdsmanError(f"{file} may be read by others ({mode:04o}): `chmod 600 {file}`")
        return token
    token = _asked(environment, lambda ring: ring.get_password(_entry(environment), environment.name))
    if not token:
        raise HerdsmanError(f"the token of {environment.name} is not in the keyring any more: {again}")
    return str(token)


def forget_token(environment: Environment) -> None:
    """Remove a token from where it is kept; one that is gone already is no error."""
    if environment.kept_in == FILE:
        token_file(environment.name).unlink(missing_ok=True)
        return
    import keyring.errors

    try:
        _asked(environment, lambda ring: ring.delete_password(_entry(environment), environment.name))
    except HerdsmanError as error:
        if not isinstance(error.__cause__, keyring.errors.PasswordDeleteError):
            raise


def _entry(environment: Environment) -> str:
    """Return the keyring's name of the service: with the address, so that a token goes to its own alone."""
    return f"herdsman {environment.url}"


def _asked(environment: Environment, question: Any) -> Any:
    import keyring
    import keyring.errors

    try:
        return question(keyring)
    except (keyring.errors.KeyringError, RuntimeError) as error:
        raise HerdsmanError(
            f"the keyring, which keeps the token of {environment.name}, cannot be used: "
            f"{error or type(error).__name__}; unlock it, or name a token with --token-file"
        ) from error
