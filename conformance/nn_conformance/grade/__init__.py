"""A class's submissions, each judged in a process that has no right answers, with marks and a comment for each mistake.

Modules: `runner` (a script that runs one submission), `submission` (the runner as functions of this process), `weights`
(a teacher's file), `marks` (a report as points and comments), `grading` (all submissions, side by side), `tables` (files).
"""
