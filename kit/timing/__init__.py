from .log import logging_config, timed

__all__ = ["logging_config", "timed"]
