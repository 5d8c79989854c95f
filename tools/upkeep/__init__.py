"""Keep the steps alike, and run all tests."""
