"""Runs in the learner's folder with the learner's settings, and says what happens there."""
