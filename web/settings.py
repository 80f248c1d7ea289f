"""The web service's settings, in one place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How the service presents itself and what it refuses."""

    url: str
    """Its address as people open it, such as "http://127.0.0.1:8420"; no slash at the end."""
    version: str
    """herdsman's own version."""
    tls: bool = False
    """True where browsers reach it by https: cookies get Secure, and HSTS is sent."""
    static: Path = Path(__file__).parent / "static"
    """The built dashboard."""
    branch: str = "main"
    """The branch whose pushes are deployed."""
    subfolder: str = ""
    """The fleet's folder in the repository; "" for the whole."""
    recheck: float = 15.0
    """Seconds after which an open stream's credential is looked at again."""
    push_wait: float = 30.0
    """Seconds for which a push shows the progress of its changes."""
    push_wait_healthy: float = 120.0
    """The same with `git push -o wait=healthy`."""
    push_wait_building: float = 1200.0
    """Seconds for which a push waits for programs that are being built, before the above begin to count."""
    build_line_every: float = 5.0
    """Least seconds between two lines of a push that tell how far a build is."""
    rows_every: float = 0.25
    """Least seconds between two sendings of one bot's row."""
