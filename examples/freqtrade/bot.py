"""Starts freqtrade's own trade command, as `freqtrade trade` does: nothing of freqtrade is changed."""

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(bot_id: str, config: dict[str, Any]) -> None:
    """Trade with `config.json` and the bot's own settings; the database is in the bot's state."""
    from freqtrade.main import main as freqtrade

    state = Path(os.environ["STATE_DIR"])
    (state / "user_data").mkdir(exist_ok=True)
    settings = {
        "bot_name": bot_id,
        "dry_run": config["mode"] != "live",
        "db_url": f"sqlite:///{state}/trades.sqlite",
        "user_data_dir": f"{state}/user_data",
        **config["settings"],
    }
    own = Path(os.environ["TMPDIR"]) / "settings.json"
    own.write_text(json.dumps(settings))
    configs = ("--config", "config.json", "--config", str(own))
    sys.exit(freqtrade(["trade", *configs, "--strategy", config["strategy"], "--strategy-path", "."]))
