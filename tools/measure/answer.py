"""Answer Probe.ask() in a step's folder: `python -m tools.measure.answer MODULE`.

Each line of the input is a JSON list, a question and its arguments; each line of the output is the
answer. The questions are the module's table QUESTIONS.
"""

import json
import sys
from importlib import import_module

import django


def main(module):
    django.setup()
    questions = import_module(module).QUESTIONS  # after the set-up: it has models
    answers, sys.stdout = sys.stdout, sys.stderr  # what else is printed is no answer
    for line in sys.stdin:
        question, *details = json.loads(line)
        print(json.dumps(questions[question](*details)), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
