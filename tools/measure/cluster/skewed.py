"""A consumer whose clock is wrong."""

from ...cluster.parts import Consumer
from ...sites.catalogue import ROOT


class SkewedConsumer(Consumer):
    """A consumer with periodic tasks whose clock is so many seconds ahead (Debian's faketime)."""

    def __init__(self, *args, seconds, **options):
        super().__init__(*args, **options, is_first=True)
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "tools.measure.cluster.skewed_settings",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # or no thread's wait would end
            "PYTHONPATH": str(ROOT),
        }
        self.offset = f"{seconds:+}s"

    def command(self):
        return ["faketime", "-m", "-f", self.offset, *super().command()]
