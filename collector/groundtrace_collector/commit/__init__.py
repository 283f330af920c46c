"""What is kept: requests become segments on disk, segments become rows, then the sender is answered."""
