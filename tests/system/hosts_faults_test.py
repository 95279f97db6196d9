# SPDX-License-Identifier: Apache-2.0
"""Faults between hosts, as namespaces: cut links, killed daemons, a host that goes, slow links; three hosts. Slow."""
import os
import signal
import time

import support
from hosts import HostsWorkspace
from support import PROGRAM


def report(event, seconds, code, errors):
    words = [line for line in errors.splitlines() if line.startswith(("larkspur:", "launch"))]
    print(f"{event}: {seconds:.1f} s, code {code}: {words[0] if words else errors.strip()[-300:]}", flush=True)


class FaultsBetweenHosts(HostsWorkspace):
    test_seconds = 400

    def test_a_cut_link_ends_every_rank_in_time(self):
        process = self.begin("cut", [1, 1])
        began = time.monotonic()
        self.hosts.cut(1)
        seconds = self.no_ranks_left("cut", began)
        self.hosts.kill_all()  # bare mpirun waits for the lost daemon, and the daemon for mpirun
        report("link cut, bare mpirun", seconds, process.poll(), process.communicate()[1])

    def test_a_cut_link_ends_a_supervised_job_and_the_host_is_named(self):
        process = self.hosts.start(PROGRAM, "launch", "-n", "2", "--hostfile", self.hosts.hostfile([1, 1]), "--",
                                   *self.words("cut", "train.epochs=300", "train.checkpoint_every=0"))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for_step("cut", 3, process)
        began = time.monotonic()
        self.hosts.cut(1)
        errors = self.finish(process, 5, 60)
        seconds = time.monotonic() - began
        self.assertIn("host1", errors)
        self.no_ranks_left("cut", began)
        report("link cut, launch", seconds, process.returncode, errors)

    def test_a_host_that_goes_is_left_out_and_the_run_ends_with_the_same_bits(self):
        self.train("one", "train.epochs=30")
        process = self.hosts.start(PROGRAM, "launch", "-n", "3", "--max-restarts", "3", "--min-ranks", "1", "--hostfile",
                                   self.hosts.hostfile([1, 2]), "--", *self.words("left", "train.epochs=30"))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for_step("left", 12, process)
        self.hosts.cut(1)
        errors = self.finish(process, 0, 180)
        self.assertIn("on 1 ranks", errors)
        self.assertEqual(self.metrics("left")[0][-1]["ranks"], 1)
        self.assertEqual(self.digest("left"), self.digest("one"))

    def test_a_killed_daemon_ends_the_job(self):
        process = self.begin("daemon", [1, 1])
        began = time.monotonic()
        os.kill(next(iter(self.hosts.processes(1, "orted"))), signal.SIGKILL)
        seconds = self.no_ranks_left("daemon", began)
        errors = process.communicate(timeout=60)[1]
        self.assertNotEqual(process.returncode, 0)
        report("daemon killed", seconds, process.returncode, errors)

    def test_a_slow_link_is_no_fault(self):
        self.train("one", "train.stop_after_steps=6")
        self.hosts.make_slow(0.05, 0.01)
        began = time.monotonic()
        self.finish(self.hosts.mpirun([1, 1], *self.words("slow", "train.stop_after_steps=6")), seconds=300)
        report("1 % loss, 100 ms there and back, 6 steps", time.monotonic() - began, 0, "no fault")
        self.assertEqual(self.digest("slow"), self.digest("one"))


class ThreeHosts(HostsWorkspace):
    count = 3
    test_seconds = 400

    def test_three_hosts_then_the_two_others_give_the_bits_of_one_rank(self):
        self.train("one")
        self.finish(self.hosts.mpirun([2, 1, 1], *self.words("three", "train.stop_after_steps=7")))
        self.finish(self.hosts.mpirun([1, 2], *self.words("three"), first=1))
        self.assertEqual(self.digest("three"), self.digest("one"))


if __name__ == "__main__":
    support.main()
