"""What is measured: recorded runs, losses, benchmarks."""
