# SPDX-License-Identifier: Apache-2.0
"""What signals do to a run."""
import os
import signal
import subprocess
import unittest

from support import SLOW, Workspace, command, rank_processes, start, wait_for_timing


class Signals(Workspace):
    def begin(self, name, ranks):
        process = start("train", str(self.config), f"output={self.output(name)}", "train.epochs=300",
                        "train.checkpoint_every=0", ranks=ranks)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for_step(name, 2, process)
        return process

    def test_interrupting_a_single_process_saves_and_leaves_with_75(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
            with self.subTest(signal=number):
                process = self.begin(f"single{number}", None)
                process.send_signal(number)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 75, errors)
                self.assertIn("stopped on request, checkpoint written", errors)
                self.assertTrue(self.checkpoints(f"single{number}"))

    def test_a_reader_that_has_gone_costs_neither_the_run_nor_its_checkpoint(self):
        process = start("train", str(self.config), f"output={self.output('alone')}", "train.epochs=300",
                        "train.checkpoint_every=0", ranks=None)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for pipe in (process.stdout, process.stderr):
            pipe.close()  # as of a tee that died of the same Ctrl-C
        self.wait_for_step("alone", 2, process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 75)
        self.assertTrue(self.checkpoints("alone"))

    def test_what_nohup_ignores_stays_ignored(self):
        process = subprocess.Popen(["nohup", *command(["train", str(self.config), f"output={self.output('nohup')}",
                                                       "train.epochs=300"], None)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        now = self.wait_for_step("nohup", 2, process)
        process.send_signal(signal.SIGHUP)
        self.wait_for_step("nohup", now + 5, process)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 75)

    def test_a_single_process_that_was_interrupted_resumes_to_the_unbroken_runs_digest(self):
        self.train("unbroken")
        process = start("train", str(self.config), f"output={self.output('broken')}", ranks=None)
        self.wait_for_step("broken", 2, process)
        process.send_signal(signal.SIGUSR1)  # saves, and goes on
        self.wait_for_step("broken", 5, process)
        self.assertTrue(self.checkpoints("broken"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.train("broken")
        self.assertEqual(self.digest("broken"), self.digest("unbroken"))

    def test_usr2_to_one_rank_stops_all_with_a_checkpoint(self):
        process = self.begin("ranks", 2)
        os.kill(rank_processes(process)[1], signal.SIGUSR2)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.assertTrue(self.checkpoints("ranks"))

    def test_a_stop_while_steps_are_timed_fixes_nothing(self):
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                name = f"timed{ranks}"
                process = start("train", str(self.config), f"output={self.output(name)}", *SLOW, ranks=ranks)
                self.addCleanup(lambda p=process: p.poll() is None and p.kill())
                wait_for_timing(process)
                os.kill(rank_processes(process)[1] if ranks else process.pid, signal.SIGUSR2)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 75, errors)
                self.assertIn("stopped on request while steps were timed, nothing was written", errors)
                self.assertNotIn("a step takes", errors)
                self.assertFalse(self.checkpoints(name))
                self.assertFalse((self.output(name) / "config.yaml").exists())

    def test_usr1_saves_and_goes_on(self):
        process = self.begin("usr1", 2)
        process.send_signal(signal.SIGUSR1)  # mpirun passes it on
        now = self.metrics("usr1")[1][-1]["step"]
        self.wait_for_step("usr1", now + 3, process)
        self.assertTrue(self.checkpoints("usr1"))
        process.send_signal(signal.SIGUSR2)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)

    def test_term_in_a_rank_stops_without_saving(self):
        process = self.begin("term", 2)
        os.kill(rank_processes(process)[0], signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertNotIn(process.returncode, (0, 75))
        self.assertFalse(self.checkpoints("term"))


if __name__ == "__main__":
    unittest.main()
