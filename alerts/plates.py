"""German licence plates in free text: notes must hold none. Pure.

Better one note too many refused than one plate stored, but a house number, a weekday or the name of a station is no
plate: with a hyphen any case counts, without one only capitals do.
"""

import re
import unicodedata
from typing import Final

_LETTER: Final = "[A-ZÄÖÜ]"
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−_•·", "-"))
_START: Final = r"(?<![0-9A-ZÄÖÜa-zäöüß])"
_END: Final = r"(?![0-9A-ZÄÖÜa-zäöüß])"
_DAY: Final = "(?:mo|di|mi|do|fr|sa|so)"
_NUMBER: Final = r"[1-9]\d{0,3} ?[EH]?"
_WORDS: Final = "(?:EVSE|BKAT|STVO)"
"""Words of the trade that stand before numbers."""

_FORMS: Final = (
    # MZ-AB 123, mz-ab123, MZ - AB - 123; not Mo-Fr 7
    re.compile(
        rf"{_START}(?!{_DAY} ?- ?{_DAY} ){_LETTER}{{1,3}} ?[-:/] ?[A-Z]{{1,2}} ?-? ?{_NUMBER}{_END}", re.IGNORECASE
    ),
    # MZ AB 123
    re.compile(rf"{_START}{_LETTER}{{1,3}} +[A-Z]{{1,2}} ?-? ?{_NUMBER}{_END}"),
    # MZ.AB.123
    re.compile(rf"{_START}{_LETTER}{{1,3}}\.[A-Z]{{1,2}}\.?{_NUMBER}{_END}"),
    # MZAB123, MZAB 123
    re.compile(rf"{_START}(?!{_WORDS})(?:{_LETTER}{{3,5}}|{_LETTER}{{4,5}} )[1-9]\d{{1,3}}[EH]?{_END}"),
    # army, police and relief: Y-123456, BP 12-345
    re.compile(rf"{_START}(?:Y|X|THW|BP|BW|RPL)[ -][1-9]\d?-?\d{{1,4}}{_END}", re.IGNORECASE),
)


def holds_plate(text: str) -> bool:
    """True when `text` holds something that reads like a German licence plate."""
    plain = " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())
    return any(form.search(plain) for form in _FORMS)
