"""Release gates: rules over a comparison, decided with their uncertainty, reported to people and to CI."""
