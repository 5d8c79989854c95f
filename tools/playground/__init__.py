"""Write a step yourself: a folder to do it in, its tasks, and a checker of what happens there.

`project` copies and describes the folder, `stages` and `beyond` hold the tasks, `evidence` gathers
what they are judged by, `report` says it. `probe` runs in the learner's folder. Each command has
a module: start, check, hint, diff, reset.
"""
