"""`herdsman status BOT`: what it prints of one bot."""

from cli.status import bot_lines
from web.documents import Bot, BotDetail, LastLine, Resources

TRACE = 'Traceback (most recent call last):\n  File "main.py", line 3, in main\nKeyError: boom\x1b[2J'


def test_a_trace_stands_below_itself_and_steers_no_terminal() -> None:
    """Each line of the last event begins where its first one does, so that the facts can still be found."""
    bot = Bot(
        *("taker", "taker", "1.0.0", "realtime", "dry", "", "Synced", "Degraded", "CrashLoop", "crashed"),
        *("3f9a2c1", "3f9a2c1", 1, None, 90.0, "n1", "", "", "", None, "", "USDT", Resources()),
        last_log=LastLine(99.0, "error", TRACE),
    )
    lines = bot_lines(BotDetail(bot, "bots/taker.yaml", {}, [], [], [], None, None), 100.0)
    text = "\n".join(lines)
    assert "started     -, 1 restart\n" in text
    assert "last line   Traceback (most recent call last):\n" in text
    assert '\n              File "main.py", line 3, in main\n            KeyError: boom' in text
    assert "\x1b" not in text
