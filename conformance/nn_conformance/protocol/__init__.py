"""Other people's programs as targets: JSON Lines between this process and a child that is kept on a short leash.

Modules: `messages` (requests, replies, arrays in them), `child` (a process with limits), `target` (the runner's side),
`host` (the child's side, for Python), `smoke` (judges a harness before what it runs).
"""

from nn_conformance.protocol.target import ProtocolTarget, command_of

__all__ = ["ProtocolTarget", "command_of"]
