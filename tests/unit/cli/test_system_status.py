"""`herdsman status --service`: what it prints of each part."""

from cli.system_status import system_lines
from web.documents.system import SystemDocument, SystemFact, SystemNote, SystemPart, SystemTable

NOW = 1000.0


def test_each_part_has_a_line_and_trouble_its_next_step():
    """Figures stand with their units, unknown ones are left out, and what is wrong says what to do."""
    parts = [
        SystemPart(
            "intake",
            "ok",
            "in time",
            facts=[
                SystemFact("lines", 12.34, "per_second"),
                SystemFact("lag", None, "s"),
                SystemFact("waiting", 3 * 2**20, "bytes"),
                SystemFact("next look", NOW + 30, "at"),
                SystemFact("last look", NOW - 30, "at"),
                SystemFact("CPU", 3.0, "percent"),
                SystemFact("took", 0.0113, "s"),
                SystemFact("up", 90.0, "s"),
            ],
        ),
        SystemPart(
            "agents",
            "warning",
            "nothing heard of n1\x1b[2J",
            "is it running?",
            table=SystemTable(["agent", "last heard"], ["", "at"], [["n1", NOW - 120]]),
        ),
    ]
    notes = [SystemNote(NOW - 5, "warning", "herdsman.agent", "no answer", 3, NOW - 60)]
    lines = system_lines(SystemDocument(NOW, "warning", "1.2.3", "desk", parts, notes), NOW)
    text = "\n".join(lines)
    assert "HERDSMAN 1.2.3  fleet desk" in text
    assert (
        "lines 12.3/s  waiting 3 MiB  next look in 30 s  last look 30 s ago  CPU 3.0%  took 11 ms  up 2 min"
        in text
    )
    assert "lag" not in text
    assert "agent n1  last heard 2 min ago" in text
    assert "is it running?" in text
    assert "no answer (x3)" in text
    assert "\x1b" not in text
