# SPDX-License-Identifier: Apache-2.0
"""Two hosts, as namespaces: the bits of one rank, a resume on the other host, a stopped rank named with its host."""
import os
import signal
import time

import support
from hosts import DEADLINE, HostsWorkspace


class TwoHosts(HostsWorkspace):
    def test_training_and_resume_give_the_bits_of_one_rank_and_a_stopped_rank_is_named_with_its_host(self):
        self.train("one")
        said = self.finish(self.hosts.mpirun([2, 1], *self.words("two", "train.stop_after_steps=10")))
        self.assertIn("gradients of 3 ranks, hosts of 2, 1: added inside them, then between them", said)
        self.finish(self.hosts.mpirun([1], *self.words("two"), first=1))  # the other host alone
        self.assertEqual(self.digest("two"), self.digest("one"))
        process = self.begin("stopped", [1, 1])
        began = time.monotonic()
        os.kill(self.rank(1, 1, "stopped"), signal.SIGSTOP)
        errors = self.finish(process, 5)
        self.assertLess(time.monotonic() - began, DEADLINE + 10)
        self.assertRegex(errors, r"larkspur: rank 1 on host host1 has been silent for 5 s .*in step \d+, phase \w+")


if __name__ == "__main__":
    support.main()
