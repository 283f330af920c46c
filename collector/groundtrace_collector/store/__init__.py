"""The store: ClickHouse, embedded (chDB) or a server; its schema, its handles and its settling."""
