"""Other people's programs as targets: JSON Lines between this process and a child that is kept on a short leash.

Modules: `messages` (requests, replies, arrays in them), `child` (a process with limits), `guard` (sets its limits and ends
it), `program` (the runner's side), `session` (start, claims, end), `smoke` (judges a harness before what it runs), `host`
(the child's side, for Python). Nothing is imported here: the host starts with few imports.
"""
