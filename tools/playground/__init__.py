"""Write a step yourself: a folder to do it in, its tasks, and a checker of what happens there.

`project` copies and describes the folder, `stages` holds the tasks, `promises` the judges that
stages share, `evidence` gathers what they judge by, with real consumers in `workers`. `probe` runs
in the learner's folder. Each command has a module: start, check, hint, reset. `judge` is for
maintainers: it tries the checker on stored solutions.
"""
