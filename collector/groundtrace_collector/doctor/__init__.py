"""`groundtrace doctor`: what keeps a collector from running well here, and what to do about it."""
