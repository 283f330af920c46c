"""The main job on real documents: index, ask, trace, score and compare two encoders."""
