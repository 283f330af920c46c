"""Calibrations: what people's labels say of an evaluator's scores, learnt from the store and kept in it."""
