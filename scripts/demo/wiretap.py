#!/usr/bin/env python3
"""A stranger on the wire: forwards TCP on loopback, writes down every byte, and may cut the line.

    wiretap.py --to PORT --log FILE [--cut-after BYTES]

Prints the port that it listens on, then serves until it is stopped. With --cut-after it closes a
connection once that many bytes of answer have passed.
"""
import argparse
import asyncio
import sys


async def pump(reader, writer, log, budget=None):
    try:
        while chunk := await reader.read(65536):
            if budget is not None:
                chunk, budget = chunk[:budget], budget - len(chunk)
            log.write(chunk)
            log.flush()
            writer.write(chunk)
            await writer.drain()
            if budget is not None and budget <= 0:
                break
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--cut-after", type=int)
    options = parser.parse_args()

    with open(options.log, "ab") as log:

        async def tap(reader, writer):
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", options.to)
            await asyncio.gather(
                pump(reader, upstream_writer, log),
                pump(upstream_reader, writer, log, options.cut_after),
            )

        server = await asyncio.start_server(tap, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)
