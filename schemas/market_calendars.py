"""The markets whose calendars a sync window may follow: the codes and names of `exchange_calendars`.

The names stand here so that a manifest is checked without that library, which is heavy and optional.
"""

from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.suggestions import nearest
from schemas.words import quoted

_TEXT = """
24/5 24/7 AIXK ARCX ASEX ASX BATS BMF BSE BVB BVMF CBOT CFE CME CMES COMEX FWB HKEX ICE ICEUS IEPA
JKT JPX LSE LUXSE NASDAQ NYFE NYMEX NYSE OOTC OSE SIX SSE TASE TSX XAMS XASE XASX XBDA XBEL XBKK
XBOG XBOM XBRA XBRU XBSE XBUD XBUE XCBF XCSE XCYS XDUB XDUS XEEE XETR XEUR XFRA XHAM XHEL XHKG XICE
XIDX XIST XJSE XKAR XKLS XKRX XLIM XLIS XLIT XLJU XLON XLUX XMAD XMEX XMIL XMOS XNAS XNYS XNZE XOSL
XPAR XPHS XPRA XRIS XSAU XSES XSGO XSHG XSTO XSTU XSWX XTAE XTAI XTAL XTKS XTSE XTSX XWAR XWBO XZAG
us_futures
"""
NAMES = frozenset(_TEXT.split())


def calendar_error(document: Document, path: Path, name: str) -> list[ManifestError]:
    """Return what is wrong with the name of a market's calendar."""
    if name in NAMES:
        return []
    return [document.error(path, f"unknown market calendar {quoted(name)}", nearest(name, NAMES))]
