# SPDX-License-Identifier: Apache-2.0
"""Kills trainings at random moments on n ranks, resumes them on m, and expects the bits of an unbroken run. By hand:

    LARKSPUR_PROGRAM=build/larkspur python3 tests/system/soak.py --seconds 600 [--seed N] [--ranks 1,2,3,4,5,6,8]

One run of one setting is killed several times (a rank, all of them, or mpirun, with SIGKILL, or stopped by USR2), each time on
another number of ranks, and then trained to its end on one more. Moments are drawn over the whole of a start: loading,
resuming, steps, saves. Ends in 1 at the first digest that differs, with what leads there again.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import support

SETTINGS = {
    "plain": [],
    "averaged": ["train.average_decay=0.9"],
    "synchronised": ["train.batch_norm=synchronised"],
    "bfloat16": ["train.precision=bfloat16", "train.average_decay=0.9"],
    "precise": ["train.precise_norm_samples=16"],
}


class Soak:
    def __init__(self, seed, ranks):
        self.random = random.Random(seed)
        self.ranks = ranks
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-soak-"))
        self.config = self.folder / "run.yaml"
        self.expected = {}
        self.pairs = collections.Counter()
        self.kills = collections.Counter()
        self.run("data", "make", "clouds", "--output", str(self.folder / "clouds"), "--classes", "4", "--train", "24", "--test", "4")
        self.config.write_text(support.CONFIG.format(folder=self.folder).replace("lanes: 4", "lanes: 8").replace(
            "global_batch: 8", "global_batch: 16").replace("checkpoint_every: 5", "checkpoint_every: 2").replace(
                "epochs: 3", "epochs: 5"))

    def run(self, *words):
        return subprocess.run([support.PROGRAM, *words], check=True, capture_output=True, text=True,
                              env=support.environment()).stdout.strip()

    def words(self, output, setting):
        return ["train", str(self.config), f"output={output}", *SETTINGS[setting]]

    def digest(self, output):
        return self.run("inspect", "checkpoint", str(output / "checkpoints"), "--digest")

    def reference(self, setting):
        if setting not in self.expected:
            output = self.folder / f"unbroken_{setting}"
            self.run(*self.words(output, setting))
            self.expected[setting] = self.digest(output)
            print(f"{setting}: {self.expected[setting]}", flush=True)
        return self.expected[setting]

    def kill(self, process):
        """Ends a job somehow. Returns how."""
        ranks = support.rank_processes(process)
        how = self.random.choice(["rank", "rank", "all", "mpirun", "usr2"])
        if how == "usr2":
            process.send_signal(signal.SIGUSR2)
        elif how == "mpirun" or not ranks:
            process.kill()
        else:
            for rank in ranks if how == "all" else [self.random.choice(sorted(ranks))]:
                try:
                    os.kill(ranks[rank], signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return how

    def broken_run(self, setting, output, log):
        """Kills a run a few times, then lets it end. The digest."""
        before = None
        for _ in range(self.random.randint(3, 8)):
            ranks = self.random.choice(self.ranks)
            pause = self.random.uniform(0.1, 3.0 + 0.4 * ranks)
            process = subprocess.Popen(support.command(self.words(output, setting), ranks), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True, env=support.environment())
            if before is not None:
                self.pairs[before, ranks] += 1
            try:
                process.wait(pause)
                log.append(f"{ranks} ranks: ended by itself, code {process.returncode}")
                if process.returncode != 0:
                    raise RuntimeError(process.stderr.read())
                break
            except subprocess.TimeoutExpired:
                how = self.kill(process)
                self.kills[how] += 1
                log.append(f"{ranks} ranks: {how} after {pause:.3f} s")
                process.communicate(timeout=120)
                before = ranks
        ranks = self.random.choice(self.ranks)
        if before is not None:
            self.pairs[before, ranks] += 1
        log.append(f"{ranks} ranks: to the end")
        subprocess.run(support.command(self.words(output, setting), ranks), check=True, capture_output=True,
                       env=support.environment(), timeout=240)
        return self.digest(output)

    def go(self, seconds):
        end = time.monotonic() + seconds
        runs = 0
        while time.monotonic() < end:
            setting = self.random.choice(sorted(SETTINGS))
            expected = self.reference(setting)
            output = self.folder / f"run{runs}"
            log = []
            found = self.broken_run(setting, output, log)
            if found != expected:
                print(f"run {runs}, {setting}: {found}, not {expected}\n  " + "\n  ".join(log) + f"\n  kept: {output}")
                return 1
            shutil.rmtree(output)
            runs += 1
            print(f"{runs} runs, {sum(self.kills.values())} kills {dict(self.kills)}", flush=True)
        pairs = ", ".join(f"{n}->{m}: {count}" for (n, m), count in sorted(self.pairs.items()))
        print(f"all identical: {runs} runs, {sum(self.kills.values())} kills, {sum(self.pairs.values())} resumes ({pairs})")
        shutil.rmtree(self.folder)
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--ranks", default="1,2,3,4,5,6,8")
    words = parser.parse_args()
    print(f"seed {words.seed}", flush=True)
    return Soak(words.seed, [int(n) for n in words.ranks.split(",")]).go(words.seconds)


if __name__ == "__main__":
    sys.exit(main())
