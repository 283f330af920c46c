"""Tables that users bring: scores from a CSV or Parquet file."""
