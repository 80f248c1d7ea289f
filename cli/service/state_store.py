"""The store of saved states that was asked for."""

import os
from pathlib import Path

from cli.service.options import UpOptions
from controller.state.folder import FolderStore
from controller.state.store import StateStore


def open_states(options: UpOptions) -> StateStore:
    """Return the store: `states/` in the data folder, another folder, or `s3://BUCKET/PREFIX`."""
    if "://" in options.state_store:
        from controller.state.objects import open_objects

        return open_objects(options.state_store, os.environ)
    folder = Path(options.state_store) if options.state_store else options.data / "states"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FolderStore(folder.absolute())
