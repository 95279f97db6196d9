# SPDX-License-Identifier: Apache-2.0
"""`larkspur launch`: what signals, faults and a closed terminal do to a supervised job."""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import termios
import time
import unittest

from support import PROGRAM, TIMEOUT_SECONDS, Workspace, environment, larkspur, rank_processes


class Process:  # what rank_processes() wants of an mpirun
    def __init__(self, pid):
        self.pid = pid


def children(parent):
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"\nPPid:\t{parent}\n" in (folder / "status").read_text():
                found.append(int(folder.name))
        except OSError:  # gone meanwhile
            continue
    return found


def running(text):
    """Process ids whose command line holds `text`."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and text.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class Launch(Workspace):
    def words(self, name, *overrides, options=()):
        return [PROGRAM, "launch", "-n", "2", *options, "--", "train", str(self.config),
                f"output={self.output(name)}", *overrides]

    def begin(self, name, *overrides, options=(), step=2, **how):
        """A long run without checkpoints of its own, in a session as a shell would give it."""
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True, **how}
        process = subprocess.Popen(self.words(name, *(overrides or ("train.epochs=300",)), "train.checkpoint_every=0",
                                              options=options), env=environment(), **how)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for_step(name, step, process)
        return process

    def ended(self, process, code, seconds=90):
        _, errors = process.communicate(timeout=seconds)
        self.assertEqual(process.returncode, code, errors)
        return errors.decode() if errors else ""

    def nothing_left(self, name, seconds=20):
        deadline = time.monotonic() + seconds
        while running(str(self.output(name))):
            self.assertLess(time.monotonic(), deadline, f"still there: {running(str(self.output(name)))}")
            time.sleep(0.1)

    def read_until(self, terminal, pattern, seconds=60):
        """What a terminal shows until `pattern` stands in it; a line may arrive in pieces."""
        seen = b""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, seen):
            ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, f"after {seconds} s {pattern} is not in {seen}")
            seen += os.read(terminal, 4096)
        return seen

    def ranks(self, process):
        mpirun, = children(process.pid)
        return rank_processes(Process(mpirun))

    def test_ctrl_c_saves_and_the_resumed_run_is_the_unbroken_one(self):
        self.train("unbroken")
        process = self.begin("broken", "train.epochs=3")
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to its whole foreground group
        self.assertIn("stopped on request, checkpoint written", self.ended(process, 75))
        self.assertTrue(self.checkpoints("broken"))
        self.nothing_left("broken")
        again = subprocess.run(self.words("broken", "train.checkpoint_every=0"), capture_output=True, env=environment(),
                               timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertGreater(self.metrics("broken")[0][-1]["first_step"], 1)
        self.assertEqual(self.digest("broken"), self.digest("unbroken"))

    def test_mpirun_and_ranks_are_out_of_the_terminals_reach(self):
        process = self.begin("reach")
        mpirun, = children(process.pid)
        for inner in [mpirun, *self.ranks(process).values()]:
            self.assertNotEqual(os.getsid(inner), os.getsid(process.pid))
        process.send_signal(signal.SIGTERM)
        self.ended(process, 75)

    def test_other_requests_to_stop_save_too(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
            with self.subTest(signal=number):
                process = self.begin(f"stop{number}")
                process.send_signal(number)
                self.ended(process, 75)
                self.assertTrue(self.checkpoints(f"stop{number}"))
                self.nothing_left(f"stop{number}")

    def test_usr1_saves_and_goes_on(self):
        process = self.begin("usr1")
        process.send_signal(signal.SIGUSR1)
        now = self.metrics("usr1")[1][-1]["step"]
        self.wait_for_step("usr1", now + 3, process)
        self.assertTrue(self.checkpoints("usr1"))
        process.send_signal(signal.SIGUSR2)
        self.ended(process, 75)

    def test_a_request_while_the_job_starts_is_not_lost(self):
        for pause in (0.05, 0.4, 1.0):
            with self.subTest(pause=pause):
                process = subprocess.Popen(self.words(f"early{pause}", "train.epochs=300"), stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE, env=environment(), start_new_session=True)
                self.addCleanup(lambda p=process: p.poll() is None and p.kill())
                while not children(process.pid) and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(pause)
                process.send_signal(signal.SIGTERM)
                self.ended(process, 75)
                self.nothing_left(f"early{pause}")

    def test_a_closed_terminal_ends_in_a_checkpoint(self):
        master, slave = pty.openpty()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = self.begin("closed", stdin=slave, stdout=slave, stderr=slave, start_new_session=False,
                             preexec_fn=take_terminal)
        os.close(slave)
        self.read_until(master, rb"\r\[[^\r]*step ")  # a bar is drawn where somebody watches
        os.close(master)
        self.assertEqual(process.wait(timeout=90), 75)
        self.assertTrue(self.checkpoints("closed"))
        self.nothing_left("closed")

    def test_a_reader_that_has_gone_costs_neither_the_job_nor_its_checkpoint(self):
        reader, writer = os.pipe()
        os.close(reader)  # as of a tee that died of the same Ctrl-C
        process = self.begin("unread", stdout=writer, stderr=writer)
        os.close(writer)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=90), 75)
        self.assertTrue(self.checkpoints("unread"))
        self.nothing_left("unread")

    def test_a_file_gets_plain_lines_once(self):
        result = subprocess.run(self.words("plain"), capture_output=True, text=True, env=environment(),
                                timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("\r", result.stderr)
        self.assertEqual(result.stderr.count("step 18/18"), 1, result.stderr)

    def test_a_lost_rank_is_a_fault(self):
        process = self.begin("lost")
        os.kill(self.ranks(process)[1], signal.SIGKILL)
        self.ended(process, 5)
        self.nothing_left("lost")

    def test_after_a_fault_the_job_is_started_again_as_often_as_allowed(self):
        self.train("unbroken")
        process = self.begin("restarted", "train.epochs=3", options=("--max-restarts", "1"), step=11)  # the save of step 6 is over
        os.kill(self.ranks(process)[1], signal.SIGKILL)
        self.assertIn("restart 1 of 1", self.ended(process, 0))
        self.assertEqual(self.metrics("restarted")[0][-1]["first_step"], 7)  # an epoch has 6 steps
        self.assertEqual(self.digest("restarted"), self.digest("unbroken"))

    def test_what_does_not_end_is_killed_after_the_grace_time(self):
        process = self.begin("stuck", options=("--grace", "2"))
        ranks = self.ranks(process)
        os.kill(ranks[1], signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        self.assertIn("grace", self.ended(process, 5))
        self.nothing_left("stuck")

    def test_a_second_interrupt_kills(self):
        process = self.begin("twice")
        os.kill(self.ranks(process)[1], signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertIn("interrupted again", self.ended(process, 5))
        self.nothing_left("twice")

    def test_the_job_dies_with_its_supervisor(self):
        process = self.begin("orphan", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.kill()
        process.wait(timeout=10)
        self.nothing_left("orphan")

    def test_codes_of_the_job_are_handed_on(self):
        self.train("done", "train.epochs=1", ranks=2)
        for code, words in ((2, ["train.lanes=1"]), (2, ["train.lames=4"]), (4, ["seed=4"]),
                            (3, [f"data.train.root={self.spoilt()}"])):
            with self.subTest(words=words):
                name = "done" if code == 4 else f"code{code}"
                result = subprocess.run(self.words(name, *words), capture_output=True, text=True,
                                        env=environment(), timeout=TIMEOUT_SECONDS, check=False)
                self.assertEqual(result.returncode, code, result.stderr)

    def test_an_options_value_is_no_override(self):
        result = subprocess.run([PROGRAM, "launch", "-n", "1", "--", "eval", str(self.config), "--checkpoint",
                                 str(self.folder / "lr=1"), "--report", "out/x=1"], capture_output=True, text=True,
                                env=environment(), timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(result.returncode, 4, result.stderr)  # it came as far as looking for it

    def spoilt(self):
        folder = self.folder / "spoilt"
        if not folder.exists():
            self.done(larkspur("data", "make", "clouds", "--output", str(folder), "--classes", "4", "--train", "12",
                               "--test", "4"))
            for file in folder.glob("*/train/*.off"):
                file.write_text("OFF\n")
        return folder

    def test_without_mpirun_it_says_so(self):
        result = subprocess.run(self.words("none"), capture_output=True, text=True, check=False,
                                env={**environment(), "PATH": str(self.folder)}, timeout=60)
        self.assertEqual(result.returncode, 2)
        self.assertIn("no mpirun on PATH", result.stderr)


if __name__ == "__main__":
    unittest.main()
