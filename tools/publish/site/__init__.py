"""The repository's pages as a static site, with the recorded races replayed."""

REPLAY = "race/index.html"  # beside the first page
