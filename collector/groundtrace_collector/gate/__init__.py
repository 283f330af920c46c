"""What may pass: request bytes are checked, and rewritten where ClickHouse cannot decode them."""
