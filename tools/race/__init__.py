"""The race: one press of a button signs the same visitor up in all steps, in view of everybody.

The demo serves its page. It shows each step's own timing log, and how long the request took as
measured here; nothing else. On the page, what does a step's slow work can be killed as well.
"""

from . import pages
from .lane import MAIL_TRIES, Lane
from .races import MOST, Races

__all__ = ["MAIL_TRIES", "MOST", "Lane", "Races", "pages"]
