"""Where the service finds the values of bots' secrets, and how it hands them over."""

from pathlib import Path

from cli.service.options import UpOptions
from cli.service.scheduling import nomad_settings
from controller.secrets.env_files import EnvFiles
from controller.secrets.handing import Handing
from controller.secrets.nomad_variables import NomadVariables
from controller.secrets.vault import Vault, vault_settings
from gitops.secrets.age import find_identities
from gitops.secrets.values import FleetSecrets, OutsideSource


def make_secrets(options: UpOptions, fleet: str, key: bytes) -> FleetSecrets:
    """Return what finds the values. Raises UsageError for an identity or a Vault that cannot be used."""
    outside: dict[str, OutsideSource] = {"env-file": EnvFiles()}
    if options.scheduler == "nomad":
        nomad = nomad_settings(options, fleet)
        verify = nomad.ca_file or True
        outside["nomad"] = NomadVariables(nomad.address, nomad.token, nomad.namespace, verify, nomad.region)
    if (vault := vault_settings()) is not None:
        outside["vault"] = Vault(vault)
    return FleetSecrets(key, find_identities(options.age_identity_files), outside)


def make_handing(key: bytes, secrets: FleetSecrets, repository: Path, subfolder: str) -> Handing:
    """Return what gives values to launches; `repository` has the revisions' objects."""
    return Handing(key, secrets, lambda: repository, subfolder)
