"""The commands that an attendee watches: demo and run."""
