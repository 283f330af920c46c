"""Who may come in: keys, what each may do, and the one project that a key may be bound to."""
