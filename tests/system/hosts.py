# SPDX-License-Identifier: Apache-2.0
"""Several hosts on one machine: each a process that holds a network, host name, /dev/shm and temporary folder of its own.

    host 0 --eth0--+                      Without a host name and a /dev/shm of its own, OpenMPI takes two hosts for
    host 1 --eth0--+-- bridge             one and crashes in shared memory. A script stands in for ssh: mpirun on one
    host 2 --eth0--+   (another such)     host starts its daemons on the others with it.

A holder lasts as long as its standard input is open, so with close() and with the test's end, be that SIGKILL; then it
kills every process that has its host name.
"""
import functools
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from support import PROGRAM, Workspace, environment

NET = "10.77.5"
DEADLINE = 5  # train.deadline_seconds of the runs
STEP_SECONDS = 10  # of a command that makes something
PROBE_SECONDS = 20

HOLDER = """
{{ ip link set lo up && {prepare}; }} 2>&1 && echo ready || exit 1
exec >/dev/null 2>&1
read end
for round in 1 2; do
  for process in /proc/[0-9]*; do
    [ $process != /proc/$$ ] && [ $process/ns/uts -ef /proc/$$/ns/uts ] && kill -9 ${{process#/proc/}}
  done
done
"""


class NoHosts(Exception):
    """There can be no hosts here, for the reason told."""


class TimeIsUp(AssertionError):
    """No OSError, as its waits are where those are passed over."""


def alarm(seconds, what):
    """Raises TimeIsUp after so many seconds, whatever is waited for then; 0: no longer."""
    def ring(*_):
        raise TimeIsUp(f"{what}: not over after {seconds} s")
    if seconds:
        signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)


@functools.lru_cache(maxsize=None)
def why_not():
    """The reason why there can be no hosts here; empty where there can. Makes two, and lets mpirun ask their names."""
    for tool in ("ip", "unshare", "nsenter", "mpirun"):
        if shutil.which(tool) is None:
            return f"no {tool} here"
    with tempfile.TemporaryDirectory(prefix="larkspur-hosts-", ignore_cleanup_errors=True) as folder:
        hosts = None
        try:
            alarm(PROBE_SECONDS, "two hosts and mpirun between them")
            hosts = Hosts(2, folder)
            asked = hosts.start("mpirun", "--oversubscribe", "-n", "2", "--host", "host0:1,host1:1", "hostname")
            names, errors = asked.communicate()
            if sorted(names.split()) != hosts.names:
                return f"mpirun between two namespaces: code {asked.returncode}: {(errors or names).strip()[-300:]}"
            return ""
        except (NoHosts, OSError, TimeIsUp) as error:
            return f"no hosts out of namespaces here: {error}"
        finally:
            alarm(0, "")
            if hosts:
                hosts.close()


class Hosts:
    """NoHosts, and nothing left, where they cannot be made."""

    def __init__(self, count, folder):
        self.folder = pathlib.Path(folder)
        self.names = [f"host{i}" for i in range(count)]
        self.bridge, self.holders, self.all_holders, self.relay = None, [], [], None
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        (self.folder / "etc_hosts").write_text("127.0.0.1 localhost\n" + "".join(
            f"{NET}.{i + 1} {name}\n" for i, name in enumerate(self.names)))
        self.bridge = self.hold("bridge", "hostname bridge && ip link add bridge type bridge && ip link set bridge up")
        for i, name in enumerate(self.names):
            (self.folder / f"tmp_{name}").mkdir()
            self.holders.append(self.hold(name, f"hostname {name} && mount -t tmpfs none /dev/shm && "
                                          f"mount --bind '{self.folder}/etc_hosts' /etc/hosts"))
            self.inside(self.bridge, "ip", "link", "add", f"to{i}", "type", "veth", "peer", "name", "eth0", "netns",
                        str(self.holders[i].pid))
            self.inside(self.bridge, "ip", "link", "set", f"to{i}", "master", "bridge", "up")
            self.inside(self.holders[i], "ip", "addr", "add", f"{NET}.{i + 1}/24", "dev", "eth0")
            self.inside(self.holders[i], "ip", "link", "set", "eth0", "up")
        self.agent = self.folder / "agent.py"
        self.agent.write_text(f"#!{sys.executable}\n" + AGENT.format(
            pids={name: holder.pid for name, holder in zip(self.names, self.holders)},
            folders={name: str(self.folder / f"tmp_{name}") for name in self.names}))
        self.agent.chmod(0o755)

    def hold(self, name, prepare):
        """A session of its own: what ends the test's must not end a holder before it has killed."""
        holder = subprocess.Popen(["unshare", "-n", "-u", "-m", "sh", "-c", HOLDER.format(prepare=prepare)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  start_new_session=True)
        self.all_holders.append(holder)
        said = read_all(holder.stdout, STEP_SECONDS)
        if said != "ready\n":
            raise NoHosts(f"{name}: {said.strip() or 'no answer'}")
        return holder

    def inside(self, holder, *words):
        try:
            done = subprocess.run(["nsenter", "-t", str(holder.pid), "-n", "-u", *words], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=STEP_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise NoHosts(f"{' '.join(words)}: no end within {STEP_SECONDS} s") from None
        if done.returncode:
            raise NoHosts(f"{' '.join(words)}: {done.stderr.strip()}")

    def environment(self, host):
        return {**environment(), "TMPDIR": str(self.folder / f"tmp_{self.names[host]}"),
                "OMPI_MCA_plm_rsh_agent": str(self.agent), "OMPI_MCA_btl_tcp_if_include": f"{NET}.0/24",
                "OMPI_MCA_oob_tcp_if_include": f"{NET}.0/24"}

    def start(self, *words, host=0):
        """Starts a command on a host."""
        holder = self.holders[host]
        return subprocess.Popen(["nsenter", "-t", str(holder.pid), "-n", "-u", "-m", f"--wd={os.getcwd()}", *words],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment(host))

    def mpirun(self, slots, *words, first=0):
        """Ranks of the program, `slots` of them on each host from `first` on; mpirun is on that one."""
        ranks = [f"{self.names[first + i]}:{count}" for i, count in enumerate(slots)]
        return self.start("mpirun", "-q", "--oversubscribe", "-n", str(sum(slots)), "--host", ",".join(ranks), PROGRAM,
                          *words, host=first)

    def hostfile(self, slots, first=0):
        path = self.folder / "hostfile"
        path.write_text("".join(f"{self.names[first + i]} slots={count}\n" for i, count in enumerate(slots)))
        return str(path)

    def cut(self, host):
        self.inside(self.holders[host], "ip", "link", "set", "eth0", "down")

    def make_slow(self, seconds, loss):
        """Between hosts 0 and 1: so late each way, and this share of frames lost. By hand, as many kernels lack netem."""
        relay = str(pathlib.Path(__file__).with_name("slow_link.py"))
        for i in range(2):
            self.inside(self.bridge, "ip", "link", "set", f"to{i}", "nomaster")
            self.inside(self.holders[i], sys.executable, relay, "--plain", "eth0")
        self.relay = subprocess.Popen(["nsenter", "-t", str(self.bridge.pid), "-n", "-u", sys.executable, relay, "to0",
                                       "to1", str(seconds), str(loss)], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = read_all(self.relay.stdout, STEP_SECONDS)
        if said != "ready\n":
            raise NoHosts(f"slow link: {said.strip() or 'no answer'}")

    def processes(self, host, text):
        """Processes on a host with `text` in their command line: {id: rank, or None}."""
        space = os.readlink(f"/proc/{self.holders[host].pid}/ns/uts")
        found = {}
        for folder in pathlib.Path("/proc").iterdir():
            try:
                if not folder.name.isdigit() or os.readlink(folder / "ns/uts") != space:
                    continue
                if text.encode() not in (folder / "cmdline").read_bytes().replace(b"\0", b" "):
                    continue
                variables = [v.split(b"=")[1] for v in (folder / "environ").read_bytes().split(b"\0")
                             if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
                found[int(folder.name)] = int(variables[0]) if variables else None
            except OSError:  # gone meanwhile
                continue
        return found

    def kill_all(self):
        """Every process on the hosts, daemons too."""
        for i, holder in enumerate(self.holders):
            for process in self.processes(i, ""):
                if process != holder.pid:
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        pass

    def close(self):
        """Every holder kills what is on its host, then ends."""
        for holder in self.all_holders:
            holder.stdin.close()
        for process in [*self.all_holders, *([self.relay] if self.relay else [])]:
            try:
                process.wait(STEP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def read_all(pipe, seconds):
    """What comes until the pipe is closed, or until so many seconds are over."""
    said, end = b"", time.monotonic() + seconds
    while select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(pipe.fileno(), 4096)
        if not piece:
            break
        said += piece
    return said.decode(errors="replace")


AGENT = """
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    words.pop(0)
os.environ["TMPDIR"] = {folders}[words[0]]
os.execvp("nsenter", ["nsenter", "-t", str({pids}[words[0]]), "-n", "-u", "-m", "--wd=" + os.getcwd(), "sh", "-c", " ".join(words[1:])])
"""


class HostsWorkspace(Workspace):
    """A workspace with hosts; skips where there can be none."""
    count = 2
    test_seconds = 100  # of a whole test, the probe left out

    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        self.addCleanup(alarm, 0, "")
        alarm(self.test_seconds, self.id())
        super().setUp()
        self.hosts = Hosts(self.count, self.folder)
        self.addCleanup(self.hosts.close)

    def tearDown(self):
        alarm(0, "")  # before the clean-ups, which have bounds of their own

    def words(self, name, *overrides):
        return ["train", str(self.config), f"output={self.output(name)}", f"train.deadline_seconds={DEADLINE}", *overrides]

    def finish(self, process, code=0, seconds=120):
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.hosts.kill_all()
            self.fail(f"no end within {seconds} s: {' '.join(process.args)}")
        self.assertEqual(process.returncode, code, errors)
        return errors

    def begin(self, name, slots, *overrides):
        process = self.hosts.mpirun(slots, *self.words(name, "train.epochs=300", "train.checkpoint_every=0", *overrides))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.wait_for_step(name, 3, process)
        return process

    def rank(self, host, rank, name):
        return next(p for p, r in self.hosts.processes(host, str(self.output(name))).items() if r == rank)

    def no_ranks_left(self, name, began, seconds=DEADLINE + 10):
        while any(rank is not None for i in range(self.count)
                  for rank in self.hosts.processes(i, str(self.output(name))).values()):
            self.assertLess(time.monotonic() - began, seconds, "ranks are still there")
            time.sleep(0.05)
        return time.monotonic() - began
