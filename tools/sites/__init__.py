"""The five steps as running sites: their processes, ports, settings and visitors."""
