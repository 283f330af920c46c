"""The address of a store, as it may be shown."""

from __future__ import annotations

import re


def without_password(url: str) -> str:
    """The address of a store without what opens it.

    >>> without_password("clickhouse://me:secret@host:8123/db")
    'clickhouse://me:…@host:8123/db'
    """
    hidden = re.sub(r"(?<=//)([^:/@]*):[^/]*@", r"\1:…@", url)
    return re.sub(r"(?i)(\bpassword=)[^&]*", r"\1…", hidden)
