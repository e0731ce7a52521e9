#!/usr/bin/env python3
"""Sends the sealed calls found in a capture to the host once more and prints each status.

    replay.py --to PORT --log FILE
"""
import argparse
import re
import socket

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--to", type=int, required=True)
parser.add_argument("--log", required=True)
options = parser.parse_args()

with open(options.log, "rb") as log:
    capture = log.read()

calls = re.findall(rb'\{[^{}]*"sid":"[^{}]*"ct":"[^{}]*\}|\{[^{}]*"ct":"[^{}]*"sid":"[^{}]*\}', capture)
if not calls:
    raise SystemExit("no sealed call in the capture")
for body in calls:
    with socket.create_connection(("127.0.0.1", options.to), timeout=10) as peer:
        head = (
            f"POST /secure/call HTTP/1.1\r\nHost: 127.0.0.1:{options.to}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        peer.sendall(head.encode() + body)
        answer = b""
        while part := peer.recv(65536):
            answer += part
        print(answer.split(b"\r\n", 1)[0].split(b" ")[1].decode())
