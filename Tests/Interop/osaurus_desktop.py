"""A desktop that shows notifications: org.freedesktop.Notifications on the session bus, for a test.

It prints what it is told, an object of JSON a line, and does what a person would: lines of standard input are
`press ID ACTION`, `dismiss ID` and `quit`. Its arguments are its capabilities.
"""

import json
import os
import sys
import threading

from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

NAME = "org.freedesktop.Notifications"
EMITTER = DBusAddress("/org/freedesktop/Notifications", interface=NAME)
DISMISSED, CLOSED = 2, 3


def tell(message):
    print(json.dumps(message), flush=True)


def main(capabilities):
    bus = open_dbus_connection(bus="SESSION")
    bus.send_and_get_reply(message_bus.RequestName(NAME))

    def signal(name, signature, *content):
        bus.send(new_signal(EMITTER, name, signature, content))

    def person():
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "quit":
                break
            if word == "press":
                signal("ActionInvoked", "us", int(rest[0]), rest[1])
            if word == "dismiss":
                signal("NotificationClosed", "uu", int(rest[0]), DISMISSED)
        os._exit(0)

    threading.Thread(target=person, daemon=True).start()
    tell({"bus": os.environ["DBUS_SESSION_BUS_ADDRESS"]})
    last = 0
    while True:
        message = bus.receive()
        if message.header.message_type is not MessageType.method_call:
            continue
        method = message.header.fields[HeaderFields.member]
        if method == "GetCapabilities":
            bus.send(new_method_return(message, "as", (capabilities,)))
        elif method == "Notify":
            application, replaces, icon, summary, body, actions, hints, timeout = message.body
            last += 1
            bus.send(new_method_return(message, "u", (last,)))
            tell({"shown": last, "application": application, "summary": summary, "body": body,
                  "actions": actions, "urgency": hints["urgency"][1], "timeout": timeout})
        elif method == "CloseNotification":
            bus.send(new_method_return(message))
            signal("NotificationClosed", "uu", message.body[0], CLOSED)
            tell({"closed": message.body[0]})
        else:
            bus.send(new_error(message, "org.freedesktop.DBus.Error.UnknownMethod"))


main(sys.argv[1:])
