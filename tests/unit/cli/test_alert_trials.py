"""`herdsman alerts test`: what it sends of a folder, a file or a revision, and what it prints."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli.alert_trials import code_of, report, sent_of
from schemas.errors import InvalidManifests, UsageError
from web.trial_documents import EpisodeDocument, TrialAnswer, TriedDocument

RULES = "alerts:\n  rules:\n    high: {when: {metric: bot_x, above: 1}}\n"
EXAMPLE = Path(__file__).parents[3] / "examples" / "backtrader"
NOW = 1_760_000_400.0


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose fleet lies in a folder of it, with one commit, changed since."""
    folder = tmp_path / "clone" / "fleet"
    (folder / "bots").mkdir(parents=True)
    (folder / "herdsman.yaml").write_text(RULES)
    git(tmp_path / "clone", "init", "-q", "-b", "main")
    git(tmp_path / "clone", "add", ".")
    git(tmp_path / "clone", "commit", "-qm", "one")
    (folder / "herdsman.yaml").write_text(RULES.replace("high", "higher"))
    monkeypatch.chdir(folder)
    return folder


def test_folder_is_taken_with_what_is_not_committed(fleet: Path) -> None:
    """The folder around here, a folder inside it, or its herdsman.yaml: the rules as they are on disk."""
    for what in ("", "bots", str(fleet / "herdsman.yaml")):
        sent = sent_of(what)
        assert (list(sent.rules or ()), sent.bots) == (["higher"], {})


def test_revision_is_taken_as_it_was_committed(fleet: Path) -> None:
    """A branch or commit of the clone, also where the fleet lies in a folder of it."""
    assert list(sent_of("main").rules or ()) == ["high"]
    with pytest.raises(UsageError, match="no branch, tag or commit"):
        sent_of("never-was")


def test_file_of_rules_is_tried_on_the_bots_of_now(tmp_path: Path) -> None:
    """It needs no fleet around it; what is wrong in it is told with its place."""
    file = tmp_path / "tried.yaml"
    file.write_text(RULES)
    assert (list(sent_of(str(file)).rules or ()), sent_of(str(file)).bots) == (["high"], None)
    file.write_text(RULES.replace("above", "abve"))
    with pytest.raises(InvalidManifests) as error:
        sent_of(str(file))
    assert "tried.yaml:3" in str(error.value)


def test_report_says_what_would_have_fired_and_what_could_not_be_told() -> None:
    """A row for each rule and bot that fired, one for all others; a bot's text cannot steer the terminal."""
    episodes = [
        EpisodeDocument(NOW, NOW + 720, "bot_memory_bytes is 246 MiB\x1b[2J", "", 1.0, (), False),
        EpisodeDocument(NOW + 3600, None, "bot_memory_bytes is 251 MiB", "", 1.0, (), True),
    ]
    fired = TriedDocument("sma", "memory", "critical", "suspend", 2, 2, 1320.0, "firing", 9, "", episodes)
    quiet = [
        TriedDocument(f"b{number}", "memory", "critical", "suspend", 0, 0, 0.0, "ok", 0, "no value of x", [])
        for number in range(5)
    ]
    answer = TrialAnswer(NOW, NOW + 86400, 10.0, 6, 8, False, ["after 30 s 6 of 8 bots"], [fired, *quiet])
    lines = list(report(answer))
    assert lines[0] == (
        "1 rule tried on 6 of 8 bots, 2025-10-09 09:00:00 to 2025-10-10 09:00:00 UTC, values 10 s apart"
    )
    assert lines[3].split() == ["memory", "sma", "2", "22", "min", "2", "critical", "suspend", "firing"]
    assert lines[4].split()[:4] == ["memory", "5", "bots", "0"]
    assert lines[7:9] == [
        "  2025-10-09 09:00:00    12 min  bot_memory_bytes is 246 MiB\\x1b[2J",
        "  2025-10-09 10:00:00   goes on  bot_memory_bytes is 251 MiB  (muted)",
    ]
    assert lines[10:] == [
        "could not be judged:",
        "  memory  b0, b1, b2 and 2 more: no value of x",
        "note: after 30 s 6 of 8 bots",
    ]


def test_bot_whose_rule_is_not_sound_fails_the_trial_of_the_others(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are tried, and told of; CI must not pass with a bot whose rules mean nothing."""
    shutil.copytree(EXAMPLE, fleet / "programs" / "sma")
    bot = "name: {}\ntype: realtime/backtrader-sma\nversion: 1.0.0\n"
    bot += "herdsman: {{alerts: {{rules: {{mine: {{when: {{metric: bot_equity, {}: 5}}}}}}}}}}\n"
    for name in ("grid", "sma"):
        (fleet / "bots" / f"{name}.yaml").write_text(bot.format(name, "below"))
    sent = sent_of("")
    assert (sorted(sent.bots or ()), sent.sound, capsys.readouterr().err) == (["grid", "sma"], True, "")
    (fleet / "bots" / "sma.yaml").write_text(bot.format("sma", "beloww"))
    sent = sent_of("")
    assert (list(sent.bots or ()), sent.sound) == (["grid"], False)
    assert 'did you mean "below"' in capsys.readouterr().err
    fired = TriedDocument("grid", "mine", "warning", "", 1, 1, 60.0, "ok", 1, "", [])
    answer = TrialAnswer(NOW, NOW + 60, 0.0, 1, 1, True, [], [fired])
    codes = [code_of(answer, sound=sound, asked=asked) for sound in (True, False) for asked in (True, False)]
    assert codes == [2, 0, 1, 1]
    assert code_of(TrialAnswer(NOW, NOW, 0.0, 0, 0, True, [], []), sound=True, asked=True) == 1
