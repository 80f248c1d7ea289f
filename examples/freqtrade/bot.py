"""Starts freqtrade's own trade command, as `freqtrade trade` does: nothing of freqtrade is changed."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def main(bot_id: str, config: dict[str, Any]) -> None:
    """Trade with `config.json` and the bot's own settings; the database is in the bot's state."""
    from freqtrade.main import main as freqtrade

    state = Path(os.environ["STATE_DIR"])
    settings = settings_of(bot_id, config, state, os.environ)
    (state / "user_data").mkdir(exist_ok=True)
    own = Path(os.environ["TMPDIR"]) / "settings.json"
    own.write_text(json.dumps(settings))
    configs = ("--config", "config.json", "--config", str(own))
    sys.exit(freqtrade(["trade", *configs, "--strategy", config["strategy"], "--strategy-path", "."]))


def settings_of(
    bot_id: str, config: Mapping[str, Any], state: Path, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the bot's settings with what its mode decides; refuse what says otherwise."""
    dry = config["mode"] != "live"
    decided = {
        "dry_run": dry,
        # One for each mode, as freqtrade's own default has it: live would sell what dry only seemed to buy.
        "db_url": f"sqlite:///{state}/trades-{'dry' if dry else 'live'}.sqlite",
        "user_data_dir": f"{state}/user_data",
    }
    settings = config["settings"]
    for name, value in decided.items():
        variable = f"FREQTRADE__{name.upper()}"
        if settings.get(name, value) != value or variable in map(str.upper, environment):
            why = f"the bot's mode ({config['mode']}) decides it"
            raise ValueError(f"take {name} out of settings, and {variable} out of the secrets: {why}")
    return {"bot_name": bot_id, **settings, **decided}
