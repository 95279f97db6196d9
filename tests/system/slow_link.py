# SPDX-License-Identifier: Apache-2.0
"""Carries frames between two interfaces, late, and drops some: a slow link where the kernel has no netem.

    slow_link.py IFACE IFACE SECONDS SHARE [SEED]      says "ready" and closes its output once it carries; ends with
                                                        its interfaces, or with SIGKILL from who holds them
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import sys
import time

SIOCETHTOOL = 0x8946
OFFLOADS = (0x17, 0x1F, 0x25, 0x2C)  # checksums, segments: what a host leaves to a card must be in the frames here


def plain(sock, interface):
    for command in OFFLOADS:
        value = ctypes.create_string_buffer(struct.pack("II", command, 0))
        request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
        try:
            fcntl.ioctl(sock, SIOCETHTOOL, request)
        except OSError:
            pass  # it has no such thing


def main():
    names, delay, loss = sys.argv[1:3], float(sys.argv[3]), float(sys.argv[4])
    draw = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    ends = []
    for name in names:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        end.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        end.bind((name, 0))
        ends.append(end)
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    waiting, number = [], 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, out, frame = heapq.heappop(waiting)
            try:
                out.send(frame)
            except OSError:  # larger than the link takes, or a full queue: lost, as on a wire
                pass
        ready, _, _ = select.select(ends, [], [], max(0.0, waiting[0][0] - now) if waiting else 1.0)
        for end in ready:
            try:
                frame, address = end.recvfrom(70000)
            except OSError:  # a host is gone: the end
                return
            if address[2] == socket.PACKET_OUTGOING or draw.random() < loss:
                continue
            number += 1
            heapq.heappush(waiting, (time.monotonic() + delay, number, ends[1 - ends.index(end)], frame))


if __name__ == "__main__":
    if sys.argv[1] == "--plain":
        for word in sys.argv[2:]:
            plain(socket.socket(), word)
    else:
        main()
