"""The program. Each command prints objects of JSON, one a line, and ends with 1 and `{"failed":…}` where something is
wrong.

    osaurus_wire self-test VECTORS
    osaurus_wire pair --url URL --agent-id ID --address 0x… --keep FILE [--bind-answer]
    osaurus_wire redeem --keep FILE          (the invite's link on standard input)
    osaurus_wire models FILE
    osaurus_wire run FILE PROMPT…            (each prompt is a call of the same session)
    osaurus_wire refusals FILE
    osaurus_wire audit FILE                  (an export of 'audit export')
    osaurus_wire host [MANNER]               (until standard input ends)
"""

import argparse
import json
import sys

from . import audit, connector, host, refusals, self_test
from .encoding import WireError


def tell(message):
    print(json.dumps(message), flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="osaurus_wire", description="A second implementation of the wire.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("self-test").add_argument("vectors")
    pair = commands.add_parser("pair")
    for name in ("--url", "--agent-id", "--address", "--keep"):
        pair.add_argument(name, required=True)
    pair.add_argument("--bind-answer", action="store_true")
    commands.add_parser("redeem").add_argument("--keep", required=True)
    commands.add_parser("models").add_argument("peer")
    run = commands.add_parser("run")
    run.add_argument("peer")
    run.add_argument("prompts", nargs="+")
    commands.add_parser("refusals").add_argument("peer")
    commands.add_parser("audit").add_argument("export")
    commands.add_parser("host").add_argument("manner", nargs="?", choices=host.MANNERS, default="well")
    return parser.parse_args()


def carry_out(order):
    if order.command == "self-test":
        tell({"compared": self_test.run(order.vectors)})
    elif order.command == "pair":
        peer = connector.pair(order.url, order.agent_id, order.address, order.bind_answer, tell)
        connector.keep(peer, order.keep)
        tell({"paired": peer["agent"]})
    elif order.command == "redeem":
        peer = connector.redeem(sys.stdin.read())
        connector.keep(peer, order.keep)
        tell({"redeemed": peer["agent"]})
    elif order.command == "models":
        status, models = connector.Channel(connector.remembered(order.peer)).models()
        tell({"status": status, "models": models})
    elif order.command == "run":
        channel = connector.Channel(connector.remembered(order.peer))
        for prompt in order.prompts:
            tell(channel.run(prompt))
    elif order.command == "refusals":
        tell({"refused": refusals.check_all(connector.remembered(order.peer))})
    elif order.command == "audit":
        with open(order.export, encoding="utf-8") as lines:
            tell(audit.verify(lines))
    else:
        server = host.serve(order.manner, tell)
        sys.stdin.read()
        server.shutdown()


try:
    carry_out(arguments())
except connector.Refused as refused:
    tell({"failed": "refused", "status": refused.status, "body": refused.body})
    sys.exit(1)
except (WireError, OSError) as error:
    tell({"failed": str(error)})
    sys.exit(1)
