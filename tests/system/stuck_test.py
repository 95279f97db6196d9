# SPDX-License-Identifier: Apache-2.0
"""A rank that stops or never comes back from a read: the run ends soon after its deadline, by name, with code 5."""
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from support import SLOW, Workspace, rank_processes, start, wait_for_timing

DEADLINE = 3

# Opening a file of this name never ends, once the run is on its way.
ENDLESS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int open(const char* path, int flags, ...) {
  static int (*original)(const char*, int, ...);
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  const char* rank = getenv("OMPI_COMM_WORLD_RANK");
  if (rank != 0 && strcmp(rank, "1") == 0 && strstr(path, ".off") != 0 && access(getenv("ENDLESS"), F_OK) == 0)
    for (;;) usleep(1000);
  if (original == 0) original = dlsym(RTLD_NEXT, "open");
  return original(path, flags, mode);
}
"""


class Stuck(Workspace):
    def begin(self, **more):
        os.environ.update(more)
        try:
            process = start("train", str(self.config), f"output={self.output('run')}", "train.epochs=300",
                            "train.checkpoint_every=0", f"train.deadline_seconds={DEADLINE}", ranks=2)
        finally:
            for name in more:
                del os.environ[name]
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for_step("run", 2, process)
        return process

    def expect_named(self, process, began, phase):
        _, errors = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, DEADLINE + 10)
        self.assertEqual(process.returncode, 5, errors)
        self.assertRegex(errors, rf"larkspur: rank 1 on host {socket.gethostname()} has been .*step \d+, phase {phase}")

    def test_a_rank_that_is_stopped(self):
        process = self.begin()
        began = time.monotonic()
        os.kill(rank_processes(process)[1], signal.SIGSTOP)
        self.expect_named(process, began, r"\w+")

    def test_a_rank_that_is_stopped_while_steps_are_timed(self):
        process = start("train", str(self.config), f"output={self.output('timed')}", *SLOW,
                        "train.deadline_seconds=1", ranks=2)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        wait_for_timing(process)
        began = time.monotonic()
        os.kill(rank_processes(process)[1], signal.SIGSTOP)
        _, errors = process.communicate(timeout=90)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(process.returncode, 5, errors)

    def test_a_read_that_never_ends(self):
        if shutil.which("cc") is None:
            self.skipTest("no C compiler to put an endless open() in front of the reader")
        (self.folder / "endless.c").write_text(ENDLESS)
        library = self.folder / "endless.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, self.folder / "endless.c"], check=True)
        flag = self.folder / "flag"
        process = self.begin(LD_PRELOAD=str(library), ENDLESS=str(flag))
        began = time.monotonic()
        flag.touch()
        self.expect_named(process, began, "data")


if __name__ == "__main__":
    unittest.main()
