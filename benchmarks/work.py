import os
import time


def work(number, seconds):
    """Sleep so long, and note in the file NOTES when it began and when it ended.

    A line that is appended in one piece stays whole while other processes append theirs.
    """
    note(number, "begun")
    if seconds:
        time.sleep(seconds)
    note(number, "done")


def note(number, what):
    with open(os.environ["NOTES"], "ab", buffering=0) as notes:
        notes.write(f"{number} {what} {time.time()}\n".encode())
