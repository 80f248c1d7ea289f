"""The plan as a comment: Markdown that nothing in a fleet can break out of, within the forges' size."""

from pathlib import Path
from typing import Any

import pytest

from cli.planning.comment import find_token, pull_request
from cli.planning.markdown import MOST, comment_of, mark_of
from gitops.forges.place import pull_request_of
from schemas.errors import UsageError
from web.documents.revisions import PlanDocument


def action(bot: str, **more: Any) -> dict[str, Any]:
    """Return a bot that changes."""
    fields = [{"name": "size", "before": "1", "after": "2"}]
    facts = {"bot": bot, "action": "update", "summary": "size 1 -> 2", "reason": "changed in git", "held": ""}
    return {**facts, "blocked": "", "fields": fields, "code": None, **more}


def plan(*actions: dict[str, Any], **more: Any) -> PlanDocument:
    """Return a plan of these actions."""
    return PlanDocument(
        "a" * 40, list(actions), more.pop("errors", []), more.pop("held", ""), "b" * 40, **more
    )


def test_a_comment_leads_with_the_verdict_and_folds_the_rest() -> None:
    """A few bots stand open, many are folded; what would be refused is said first."""
    few = comment_of(plan(action("one"), summary="1 of 2 bots change"), "desk")
    assert few.startswith(f"{mark_of('desk')}\n### herdsman desk: 1 of 2 bots change\n")
    assert "<details open><summary>one</summary>" in few
    assert "| size | <code>1</code> | <code>2</code> |" in few
    many = comment_of(plan(*(action(f"bot-{number}") for number in range(9)), summary="9"), "desk")
    assert "<details open>" not in many
    wrong = {"file": "bots/a.yaml", "line": 3, "message": "no <such> key", "suggestion": "size", "new": True}
    broken = comment_of(plan(errors=[wrong], refused=["1 error in 1 of 2 bots"]), "desk")
    assert "### herdsman desk: would be refused" in broken
    assert "<code>bots/a.yaml:3</code> no &lt;such&gt; key (did you mean" in broken


def test_nothing_in_a_fleet_is_markup_or_calls_anybody() -> None:
    """Names, values and reasons are text: no link, tag, table's end or mention comes through."""
    evil = "</code>|`@everyone` [x](http://evil) ![i](u)\n# **b** <img src=x>"
    fields = [{"name": evil, "before": evil, "after": None}]
    text = comment_of(plan(action("one", summary=evil, reason=evil, fields=fields)), "desk")
    for bad in ("@everyone", "<img", "](http", "</code>|", "**b**", "\n# "):
        assert bad not in text
    assert "&#64;everyone" in text


def test_a_comment_that_is_too_long_is_cut_with_words() -> None:
    """It says how much is missing and where the rest is; it always ends within the size."""
    fields = [{"name": f"key-{number}", "before": "x" * 150, "after": "y" * 150} for number in range(60)]
    text = comment_of(plan(*(action(f"bot-{number}", fields=fields) for number in range(50))), "desk")
    assert len(text) <= MOST
    assert "more parts do not fit; `herdsman plan` shows all of them" in text
    assert text.count("<details>") == text.count("</details>") > 0


def test_a_token_is_taken_from_a_private_file_or_the_job(tmp_path: Path) -> None:
    """A file that others read is refused; without any token the variables are named."""
    asked = pull_request_of("https://gitlab.com/d/f/-/merge_requests/1")
    file = tmp_path / "token"
    file.write_text("secret\n")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others: chmod 600"):
        find_token(asked, file, {})
    file.chmod(0o600)
    assert find_token(asked, file, {"GITLAB_TOKEN": "other"}) == "secret"
    assert find_token(asked, None, {"GITHUB_TOKEN": "no", "GITLAB_TOKEN": "mine"}) == "mine"
    with pytest.raises(UsageError, match="HERDSMAN_FORGE_TOKEN or GITLAB_TOKEN"):
        find_token(asked, None, {"GITHUB_TOKEN": "no"})
    with pytest.raises(UsageError, match="say which one with --pull-request"):
        pull_request("", {})
