"""`herdsman plan --comment`: the plan as the one comment of this service on a pull request."""

import os
from collections.abc import Mapping
from pathlib import Path

from cli.planning.markdown import comment_of, mark_of
from cli.service.statuses import check_private, token_in
from gitops.forges.clients import open_forge, put_comment
from gitops.forges.place import ForgeKind, PullRequest, pull_request_of, pull_request_of_job
from schemas.errors import UsageError
from web.documents.revisions import PlanDocument

_TOKENS = {
    ForgeKind.GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"),
    ForgeKind.GITLAB: ("GITLAB_TOKEN",),
    ForgeKind.GITEA: ("GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"),
}


def comment(found: PlanDocument, fleet: str, address: str, token_file: Path | None) -> str:
    """Write the comment, or replace the one of before; return what was done, in words.

    `address` is the pull request's, "" where the CI job's variables tell. Raises UsageError, ForgeRefused,
    ForgeUnavailable.
    """
    asked = pull_request(address, os.environ)
    token = find_token(asked, token_file, os.environ)
    forge = open_forge(asked.place, lambda: token)
    new = put_comment(forge, asked.number, comment_of(found, fleet), mark_of(fleet))
    where = f"{asked.place.path} #{asked.number}"
    return f"the plan was written on {where}" if new else f"the plan on {where} was brought up to date"


def pull_request(address: str, variables: Mapping[str, str]) -> PullRequest:
    """Return the pull request that is meant. Raises UsageError."""
    found = pull_request_of(address) if address else pull_request_of_job(variables)
    if found is None:
        raise UsageError("this is no CI job of a pull request: say which one with --pull-request URL")
    return found


def find_token(asked: PullRequest, file: Path | None, variables: Mapping[str, str]) -> str:
    """Return the token for a forge. Raises UsageError where there is none, or others can read its file."""
    if file is not None:
        check_private(file)
        return token_in(file)()
    names = ("HERDSMAN_FORGE_TOKEN", *_TOKENS[asked.place.kind])
    found = next((variables[name] for name in names if variables.get(name)), "")
    if not found:
        raise UsageError(f"a comment needs a token: --forge-token-file FILE (0600), or {' or '.join(names)}")
    return found
