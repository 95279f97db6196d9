# SPDX-License-Identifier: Apache-2.0
"""Everything that needs a GPU, one check after the other; tests/gpu/run calls it after the build.

The JSON file is written anew after every check, so a run that is cut short still tells what it found."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Several NCCL ranks on one GPU: each must look like a host of its own, and talk over loopback. For tests only.
SHARED_GPU = {"NCCL_SOCKET_IFNAME": "lo", "NCCL_NET": "Socket", "NCCL_IB_DISABLE": "1", "NCCL_NVLS_ENABLE": "0",
              "NCCL_RAS_ENABLE": "0", "NCCL_MAX_CTAS": "1", "NCCL_ALGO": "Ring", "NCCL_PROTO": "Simple"}
HOST_OF_ITS_OWN = ["sh", "-c", 'NCCL_HOSTID=rank$OMPI_COMM_WORLD_RANK exec "$@"', "rank"]
SECONDS_IN_ALL = 470


class Failed(Exception):
    """A check that did not give what it should."""


def need(good, text):
    if not good:
        raise Failed(text)


class Checks:
    def __init__(self, build, output):
        self.started = time.monotonic()
        self.build = pathlib.Path(build).resolve()
        self.output = pathlib.Path(output)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-gpu-"))
        self.results = []
        self.figures = {}

    def left(self):
        return SECONDS_IN_ALL - (time.monotonic() - self.started)

    def run(self, words, ranks=None, nccl=True, limit=120):
        """Runs to the end; under mpirun with ranks, through NCCL or through host memory."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **SHARED_GPU}
        words = [str(word) for word in words]
        if ranks is not None:
            words = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *(HOST_OF_ITS_OWN if nccl else []), *words]
        limit = max(5, min(limit, self.left()))
        try:
            result = subprocess.run(words, capture_output=True, text=True, timeout=limit, env=environment, check=False)
        except subprocess.TimeoutExpired as late:
            heard = (late.stdout or b"")[-1500:] + (late.stderr or b"")[-1500:]
            raise Failed(f"not over after {limit:.0f} s: {heard.decode(errors='replace')}") from late
        need(result.returncode == 0, f"code {result.returncode}: {(result.stdout + result.stderr)[-4000:]}")
        return result

    def check(self, name, work):
        started = time.monotonic()
        result = {"name": name, "ok": True}
        try:
            need(self.left() > 5, "no time left")
            detail = work()
            if detail is not None:
                result["detail"] = detail
        except (Failed, OSError, ValueError, KeyError, IndexError) as error:
            result.update(ok=False, detail=str(error))
        result["seconds"] = round(time.monotonic() - started, 1)
        self.results.append(result)
        print(f"gpu: {'ok    ' if result['ok'] else 'FAILED'} {name} ({result['seconds']} s)", file=sys.stderr)
        if not result["ok"]:
            print(result["detail"], file=sys.stderr)
        self.write()

    def write(self):
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.output.write_text(json.dumps({"seconds": round(time.monotonic() - self.started, 1),
                                           "ok": all(result["ok"] for result in self.results),
                                           "figures": self.figures, "checks": self.results}, indent=1) + "\n")

    # What a user does.
    def larkspur(self, *words, **how):
        return self.run([self.build / "larkspur", *words], **how)

    def train(self, name, *overrides, **how):
        paths = [f"data.train.root={self.folder}/clouds", f"data.eval.root={self.folder}/clouds",
                 f"output={self.folder / name}"]
        return self.larkspur("train", "configs/demo/cloud.yaml", "device=cuda", *paths, *overrides, **how)

    def digest(self, name):
        return self.larkspur("inspect", "checkpoint", self.folder / name / "checkpoints", "--digest").stdout.strip()

    def speed(self, name):
        """Median samples a second of a run, its first steps left out."""
        lines = (self.folder / name / "metrics.jsonl").read_text().splitlines()
        rates = [json.loads(line)["samples_per_second"] for line in lines if '"step"' in line]
        return round(statistics.median(rates[5:] or rates), 1)


def gpu_tests(checks, pattern, **how):
    def work():
        result = checks.run([checks.build / "tests" / "gpu_tests", f"--gtest_filter={pattern}"], **how)
        need("[  PASSED  ]" in result.stdout, "no test passed")
        need("[  PASSED  ] 0 tests" not in result.stdout, "no test was run")
        need("[  SKIPPED ]" not in result.stdout, f"skipped: {result.stdout[-1500:]}")
        return [line for line in result.stdout.splitlines() if line.startswith("[  PASSED  ]")][0]
    return work


SHORT = ["train.epochs=4", "train.warmup_epochs=1"]


def trains_exactly(checks):
    """One value on one rank, on two over NCCL, on two through host memory, and after a stop."""
    checks.train("alone", *SHORT)
    checks.train("nccl", *SHORT, ranks=2)
    checks.figures["demo_samples_per_second"] = {name: checks.speed(name) for name in ("alone", "nccl")}
    need(checks.digest("nccl") == checks.digest("alone"), "two ranks over NCCL give other bits than one")
    staged = checks.train("staged", *SHORT, ranks=2, nccl=False)
    checks.figures["demo_samples_per_second"]["staged"] = checks.speed("staged")
    need("through host memory" in staged.stderr, "two ranks on one GPU without NCCL_HOSTID did not say how they talk")
    need(checks.digest("staged") == checks.digest("alone"), "two ranks through host memory give other bits than one")
    checks.train("stopped", *SHORT, "train.stop_after_steps=41", ranks=2)
    checks.train("stopped", *SHORT)
    need(checks.digest("stopped") == checks.digest("alone"), "a resumed run gives other bits than an unbroken one")
    return checks.digest("alone")


OTHERS = {
    "synchronised": ["train.batch_norm=synchronised", "train.precise_norm_samples=64", "train.global_batch=64"],
    "float16": ["train.precision=float16"],
    "views": ["model.form=views", "model.kernel=[1,7,7]", "data.views=2", "data.view_size=32"],
    "joint": ["model.form=joint", "data.views=2", "data.view_size=32"],
    "points": ["model.form=points", "model.kernel=[1,7,7]", "data.points=256", "model.drawing_size=32"],
}


def trains_others_exactly(checks):
    """A few steps of what the demo does not use, on one rank and on two. Precise statistics are measured where an epoch
    ends: the seventh step of batches of 64."""
    for name, words in OTHERS.items():
        for ranks in (None, 2):
            checks.train(f"{name}{ranks}", *SHORT, *words, "train.stop_after_steps=12", ranks=ranks)
        need(checks.digest(f"{name}2") == checks.digest(f"{name}None"), f"{name}: two ranks give other bits than one")
    return list(OTHERS)


def starts_from_weights(checks):
    """What one rank and two make of the same file: ranks compare what they have read."""
    weights = checks.folder / "alone.safetensors"
    checks.larkspur("export", "--checkpoint", checks.folder / "alone" / "checkpoints", "--output", weights, "--unmerged")
    for name, ranks in (("tuned", None), ("tuned_nccl", 2)):
        checks.train(name, f"model.weights={weights}", "train.stop_after_steps=2", ranks=ranks)
    need(checks.digest("tuned") == checks.digest("tuned_nccl"), "two ranks start from other weights than one")


def learns(checks, precision):
    def work():
        name = f"whole_{precision}"
        checks.train(name, f"train.precision={precision}", limit=150)
        checks.larkspur("eval", "configs/demo/cloud.yaml", "device=cuda", f"data.eval.root={checks.folder}/clouds",
                        f"data.train.root={checks.folder}/clouds", f"output={checks.folder / name}")
        report = json.loads((checks.folder / name / "report" / "report.json").read_text())
        checks.figures[f"demo_top1_{precision}"] = report["top1"]
        need(report["samples"] == 200 and report["top1"] >= 90, f"top1 is {report['top1']}")
        return {"top1": report["top1"], "samples_per_second": checks.speed(name)}
    return work


def evaluates_alike(checks):
    """The CPU's score of what the GPU trained."""
    tops = {}
    for device in ("cpu", "cuda"):
        checks.larkspur("eval", "configs/demo/cloud.yaml", f"device={device}",
                        f"data.eval.root={checks.folder}/clouds", f"data.train.root={checks.folder}/clouds",
                        "--checkpoint", checks.folder / "whole_float32" / "checkpoints",
                        "--report", checks.folder / f"report_{device}")
        tops[device] = json.loads((checks.folder / f"report_{device}" / "report.json").read_text())["top1"]
    need(abs(tops["cpu"] - tops["cuda"]) <= 1.0, f"{tops}")
    return tops


def refuses_too_much(checks):
    """Memory that runs out is said in one line, with code 5."""
    try:
        checks.train("huge", "data.grid=128", "model.variant=t", "train.global_batch=256", "train.lanes=1",
                     "data.workers=8", limit=60)
    except Failed as failure:
        need(str(failure).startswith("code 5:") and "out of memory" in str(failure), str(failure))
        return None
    raise Failed("256 grids of 128^3 fitted")


def speed_of_variant_a(checks, precision):
    def work():
        name = f"speed_{precision}"
        checks.train(name, f"train.precision={precision}", "model.variant=a", "data.grid=32", "train.global_batch=64",
                     "train.lanes=1", "data.workers=8", "train.stop_after_steps=25", limit=90)
        checks.figures[f"voxel32_a_samples_per_second_{precision}"] = checks.speed(name)
        return checks.speed(name)
    return work


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    checks = Checks(arguments.build, arguments.output)
    two_ranks = shutil.which("mpirun") is not None
    try:
        checks.check("tests on one rank", gpu_tests(checks, "-Nccl*", limit=200))
        if two_ranks:
            checks.check("NCCL between two ranks", gpu_tests(checks, "NcclGroup.*", ranks=2))
            checks.check("NCCL with a late peer", gpu_tests(checks, "NcclFault.*", ranks=2, limit=60))
        else:
            checks.check("two ranks", lambda: need(False, "no mpirun: run tests/gpu/pack first"))
        checks.larkspur("data", "make", "clouds", "--output", checks.folder / "clouds")
        checks.check("the same bits on one rank, on two, after a stop", lambda: trains_exactly(checks))
        checks.check("other forms, norms and types on one rank and on two", lambda: trains_others_exactly(checks))
        checks.check("a start from a file of weights", lambda: starts_from_weights(checks))
        checks.check("speed of variant a, float32", speed_of_variant_a(checks, "float32"))
        checks.check("speed of variant a, bfloat16", speed_of_variant_a(checks, "bfloat16"))
        checks.check("the demo in float32", learns(checks, "float32"))
        checks.check("the CPU's score of it", lambda: evaluates_alike(checks))
        checks.check("the demo in bfloat16", learns(checks, "bfloat16"))
        checks.check("the demo in float16", learns(checks, "float16"))
        checks.check("memory that runs out", lambda: refuses_too_much(checks))
    finally:
        checks.write()
        shutil.rmtree(checks.folder, ignore_errors=True)
    print(f"gpu: {arguments.output}", file=sys.stderr)
    return 0 if all(result["ok"] for result in checks.results) else 1


if __name__ == "__main__":
    sys.exit(main())
