# SPDX-License-Identifier: Apache-2.0
"""Every fault a run of two ranks may meet, under bare mpirun and under launch: seconds to its end, exit code, what it says.

    LARKSPUR_PROGRAM=build/larkspur python3 tests/system/fault_table.py [--deadlines 5,60] [--only WORDS]

By hand, as root (a disk that is full is a small one of its own; hosts are network namespaces). Prints the table of
distributed/README; ends in 1 where one took longer than its deadline and 10 s, or left a process behind.
"""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import hosts
import stuck_test
import support

SLACK_SECONDS = 10
SETTLE_SECONDS = 2  # until what was killed is no longer seen


class Job:
    """A training under way in `folder`/run; the fault comes once three steps are through."""

    def __init__(self, folder, config, starter, deadline, more=()):
        self.folder, self.starter, self.deadline = folder, starter, deadline
        self.output = folder / "run"
        self.words = ["train", str(config), f"output={self.output}", "train.epochs=3000", "train.checkpoint_every=0",
                      f"train.deadline_seconds={deadline}", *more]
        self.errors = folder / "stderr"

    def start(self, **variables):
        words = [support.PROGRAM, "launch", "-n", "2", "--", *self.words] if self.starter == "launch" else support.command(
            self.words, 2)
        self.run(subprocess.Popen, words, env={**support.environment(), **variables})

    def run(self, start, words, **more):
        with open(self.errors, "w") as errors:
            self.process = start(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, **more)
        self.wait_for_lines(4)

    def wait_for_lines(self, count):
        metrics, end = self.output / "metrics.jsonl", time.monotonic() + 120
        while not metrics.exists() or len(metrics.read_text().splitlines()) < count:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the run did not get under way: {self.errors.read_text()[-500:]}")
            time.sleep(0.01)

    def ranks(self):
        """{rank: process id}"""
        found = {}
        for process in self.processes():
            try:
                variables = (pathlib.Path("/proc") / str(process) / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            found.update({int(v.split(b"=")[1]): process for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")})
        return found

    def processes(self):
        """Ids of what has this run's output on its command line and is no zombie."""
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            try:
                if not folder.name.isdigit() or str(self.output).encode() not in (folder / "cmdline").read_bytes():
                    continue
                if ") Z " not in (folder / "stat").read_text():
                    found.append(int(folder.name))
            except OSError:  # gone meanwhile
                continue
        return found

    def wait_for_end(self, of_ranks_only=False):
        """Seconds until it, and all of its ranks, are gone."""
        began = time.monotonic()
        while self.ranks() or not (of_ranks_only or self.process.poll() is not None):
            if time.monotonic() - began > self.deadline + 3 * SLACK_SECONDS:
                break
            time.sleep(0.02)
        return time.monotonic() - began

    def left_behind(self):
        """Kills what is still there; how much that was."""
        time.sleep(SETTLE_SECONDS)
        left = self.processes()
        for process in left:
            os.kill(process, signal.SIGKILL)
        return len(left)

    def sentence(self):
        """The last error of ours, else the last warning."""
        lines = self.errors.read_text(errors="replace").replace(str(self.folder), "").splitlines()
        told = [line.split("warning ")[-1].strip() for line in lines if " warning " in line]
        told += [line for line in lines if line.startswith("larkspur: ")]
        return told[-1] if told else "(nothing of ours)"


def to_rank(number):
    def inject(job):
        job.start()
        os.kill(job.ranks()[1], number)
    return inject


def to_starter(number):
    def inject(job):
        job.start()
        job.process.send_signal(number)
    return inject


def save_and_go_on(job):
    job.words[job.words.index("train.checkpoint_every=0")] = "train.checkpoint_every=1000000"  # nothing else saves
    job.start()
    job.process.send_signal(signal.SIGUSR1)
    job.wait_for_lines(20)
    if not list(job.output.glob("checkpoints/step-*/manifest.json")):
        raise RuntimeError("USR1: nothing was saved")
    job.process.send_signal(signal.SIGUSR2)


def in_reader(instead):
    """Rank 1's next open of a cloud does this."""
    def inject(job):
        source, library, sign = job.folder / "reader.c", job.folder / "reader.so", job.folder / "now"
        source.write_text(stuck_test.ENDLESS.replace("for (;;) usleep(1000);", instead))
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        job.start(LD_PRELOAD=str(library), ENDLESS=str(sign))
        sign.touch()
    return inject


def disk_full(job):
    job.output.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(job.output)], check=True)
    job.start()
    with open(job.output / "filler", "wb") as filler:
        try:
            while True:
                filler.write(bytes(1 << 16))
                filler.flush()
        except OSError:
            pass


def between_hosts(job, inject):
    hosted = hosts.Hosts(2, job.folder)
    job.hosts = hosted
    if job.starter == "launch":
        words = [support.PROGRAM, "launch", "-n", "2", "--hostfile", hosted.hostfile([1, 1]), "--", *job.words]
    else:
        words = ["mpirun", "-q", "--oversubscribe", "-n", "2", "--host", "host0:1,host1:1", support.PROGRAM, *job.words]
    inside = ["nsenter", "-t", str(hosted.holders[0].pid), "-n", "-u", "-m", f"--wd={os.getcwd()}", *words]
    job.run(subprocess.Popen, inside, env=hosted.environment(0))
    inject(hosted)


def link_cut(job):
    between_hosts(job, lambda hosted: hosted.cut(1))


def daemon_killed(job):
    between_hosts(job, lambda hosted: os.kill(next(iter(hosted.processes(1, "orted"))), signal.SIGKILL))


# With the codes of mpirun and of launch; None: it stays, but its ranks do not.
FAULTS = {
    "a rank killed (SIGKILL)": (to_rank(signal.SIGKILL), 137, 5),
    "a rank stopped (SIGSTOP)": (to_rank(signal.SIGSTOP), 5, 5),
    "a rank exits with 0 in a reader": (in_reader("_exit(0);"), 1, 5),
    "a reader that never comes back": (in_reader("for (;;) usleep(1000);"), 5, 5),
    "the disk full while saving": (disk_full, 4, 4),
    "daemon of the other host killed": (daemon_killed, 9, 5),
    "link between hosts cut": (link_cut, None, 5),
    "TERM": (to_starter(signal.SIGTERM), 1, 75),
    "INT": (to_starter(signal.SIGINT), 1, 75),
    "HUP": (to_starter(signal.SIGHUP), 1, 75),
    "USR1, then USR2": (save_and_go_on, 75, 75),
    "USR2": (to_starter(signal.SIGUSR2), 75, 75),
    "mpirun or launch itself killed": (to_starter(signal.SIGKILL), -signal.SIGKILL, -signal.SIGKILL),
}


def row(data, name, starter, deadline):
    """Runs one; its cells, and whether it is as it should be."""
    inject, *codes = FAULTS[name]
    expected = codes[starter == "launch"]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-faults-"))
    job = Job(folder, data / "run.yaml", starter, deadline)
    job.hosts = None
    try:
        inject(job)
        mpirun_may_stay = expected is None
        seconds = job.wait_for_end(mpirun_may_stay)
        code = job.process.poll()
        left = 0 if mpirun_may_stay and code is None else job.left_behind()
        said = job.sentence()
    finally:
        if job.hosts:
            job.hosts.close()
        else:
            job.left_behind()
        subprocess.run(["umount", str(job.output)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    good = seconds <= deadline + SLACK_SECONDS and left == 0 and code == expected
    ended = "mpirun stays" if code is None else str(code)
    wrong = "" if good else f" (WRONG: code {expected} expected, {left} left behind)"
    return f"| {name} | {starter} | {deadline} | {seconds:.1f} | {ended}{wrong} | {said} |", good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deadlines", default="5,60")
    parser.add_argument("--only", default="")
    words = parser.parse_args()
    if os.environ.get("LARKSPUR_OWN_MOUNTS") is None:  # small disks are seen by nobody else, and go with this process
        os.environ["LARKSPUR_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory(prefix="larkspur-faults-") as folder:
        data = pathlib.Path(folder)
        (data / "run.yaml").write_text(support.CONFIG.format(folder=data))
        subprocess.run([support.PROGRAM, "data", "make", "clouds", "--output", str(data / "clouds"), "--classes", "4", "--train",
                        "12", "--test", "4"], check=True, capture_output=True, env=support.environment())
        print("| fault | started by | deadline, s | seconds to the end | code | says |\n|---|---|---|---|---|---|", flush=True)
        rows = [(name, starter, int(deadline)) for deadline in words.deadlines.split(",") for name in FAULTS
                for starter in ("mpirun", "launch") if words.only in name]
        return 0 if all([is_good(data, *each) for each in rows]) else 1


def is_good(data, name, starter, deadline):
    """Prints its row."""
    try:
        text, good = row(data, name, starter, deadline)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        text, good = f"| {name} | {starter} | {deadline} | | | WRONG: {error} |", False
    print(text, flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
