# SPDX-License-Identifier: Apache-2.0
"""What every suite against the real binary needs: the daemon under test, simulated and scripted
nodes before which it runs, and raw clients that believe nothing.

Standard library only. Every port is chosen by the system, every wait has a deadline, and whatever
was started is ended by its own process id. `from support.sluice import …` has it all.
"""

from support.devnodes import Devnodes
from support.expect import DEADLINE, SLOWNESS, Defect, Failure, Skipped, check, equal, poll, shown
from support.http_client import (Client, Reader, Response, address, call, encode, free_port, get,
                                 post)
from support.json_text import elements, members
from support.process import ON_DEMAND, Process, Sluice, binary, parse_metrics, sanitized, total
from support.scripted import (PROBE_METHODS, Gone, Held, Request, ScriptedUpstream, UpstreamConnection,
                              echo, http_reply)
from support.websocket import Frame, WebSocket, frame, upgrade_request

__all__ = [name for name in dir() if not name.startswith("_")]
