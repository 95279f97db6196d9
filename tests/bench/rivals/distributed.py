# SPDX-License-Identifier: Apache-2.0
"""What PyTorch's own ranks take for the exchange of gradients over Gloo, and for checkpoints.

distributed.py exchange RANK RANKS PORT MEGABYTES SECONDS [HOST]     all_reduce as DDP issues it, less its copies: pieces
    of 25 MB, asynchronous, then a division. Rank 0 prints milliseconds: median, lowest, highest.
distributed.py raw RANK 2 PORT MEGABYTES SECONDS [HOST]              the bytes that such an exchange needs, both ways at once
    through one plain TCP connection.
distributed.py checkpoint FOLDER MEGABYTES ROUNDS                    torch.distributed.checkpoint and torch.save, synced
    to the disk as ours are, and the load of both, of a state of three such tensors. Prints lines as checkpoint_bench does.
"""
import os
import pathlib
import shutil
import socket
import statistics
import sys
import threading
import time

import torch
import torch.distributed
import torch.distributed.checkpoint

PIECE = 25_000_000 // 4  # of DistributedDataParallel, bucket_cap_mb


def show(times):
    print(f"{statistics.median(times) * 1e3:.3f} {min(times) * 1e3:.3f} {max(times) * 1e3:.3f}", flush=True)


def exchange(rank, ranks, port, megabytes, seconds, host="127.0.0.1"):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://{host}:{port}", rank=rank, world_size=ranks)
    gradients = torch.full((int(megabytes * 250_000),), float(rank + 1))

    def step():
        work = [torch.distributed.all_reduce(piece, async_op=True) for piece in gradients.split(PIECE)]
        for each in work:
            each.wait()
        gradients.div_(ranks)

    step()
    mean = (ranks + 1) / 2
    assert gradients.min() == mean and gradients.max() == mean, "the means are wrong"
    times, start, goes_on = [], time.perf_counter(), torch.ones(1)
    while goes_on.item():
        torch.distributed.barrier()
        begin = time.perf_counter()
        step()
        torch.distributed.barrier()
        times.append(time.perf_counter() - begin)
        goes_on.fill_(time.perf_counter() - start < seconds or len(times) < 5)
        torch.distributed.broadcast(goes_on, 0)
    if rank == 0:
        show(times)
    torch.distributed.destroy_process_group()


def receive(connection, room):
    view = memoryview(room)
    while view:
        view = view[connection.recv_into(view):]


def raw(rank, ranks, port, megabytes, seconds, host="127.0.0.1"):
    assert ranks == 2
    if rank == 0:
        with socket.create_server((host, port)) as server:
            connection, _ = server.accept()
    else:
        for _ in range(100):
            try:
                connection = socket.create_connection((host, port))
                break
            except OSError:
                time.sleep(0.1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    out, room, times, start = bytes(int(megabytes * 1e6)), bytearray(int(megabytes * 1e6)), [], time.perf_counter()
    goes_on = bytearray(b"1")
    while goes_on == b"1":
        begin = time.perf_counter()
        sender = threading.Thread(target=connection.sendall, args=(out,))
        sender.start()
        receive(connection, room)
        sender.join()
        times.append(time.perf_counter() - begin)
        if rank == 0:
            goes_on = bytearray(b"1" if time.perf_counter() - start < seconds or len(times) < 5 else b"0")
            connection.sendall(goes_on)
        else:
            receive(connection, goes_on)
    if rank == 0:
        show(times)


def synced(path):
    for file in [path, *path.rglob("*")]:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def checkpoint(folder, megabytes, rounds):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    pieces = max(1, round(megabytes / 1))  # tensors of about a megabyte, as a network's are
    state = {f"{kind}.{i}": torch.randn(int(megabytes * 250_000) // pieces) for kind in range(3) for i in range(pieces)}
    room = {name: torch.empty_like(values) for name, values in state.items()}
    size = sum(values.nbytes for values in state.values())

    def clock(name, work):
        times = []
        for _ in range(rounds):
            begin = time.perf_counter()
            work()
            times.append(time.perf_counter() - begin)
        print(f"{name} {statistics.median(times):.6f} {min(times):.6f} {max(times):.6f} {size}", flush=True)

    def save_distributed():
        shutil.rmtree(folder / "dcp", ignore_errors=True)  # of nothing at the first, of a checkpoint later, as ours
        torch.distributed.checkpoint.save(state, checkpoint_id=folder / "dcp")  # syncs files by default
        synced(folder / "dcp")

    def save_plain():
        torch.save(state, folder / "plain.pt")
        synced(folder / "plain.pt")

    clock("dcp_save", save_distributed)
    clock("dcp_load", lambda: torch.distributed.checkpoint.load(room, checkpoint_id=folder / "dcp"))
    assert all(torch.equal(values, room[name]) for name, values in state.items())
    clock("torch_save", save_plain)
    clock("torch_load", lambda: torch.load(folder / "plain.pt"))


def main():
    work, *words = sys.argv[1:]
    if work == "checkpoint":
        checkpoint(words[0], float(words[1]), int(words[2]))
    else:
        rank, ranks, port = (int(word) for word in words[:3])
        {"exchange": exchange, "raw": raw}[work](rank, ranks, port, float(words[3]), float(words[4]), *words[5:])


main()
