"""Runs the contenders of a plan in turn: measure.py PLAN SAMPLES.

Wall time, user + system CPU time and peak resident memory of each child are the kernel's own
figures (wait4); a contender that fails ends the run. The kernel counts this interpreter's own memory
(14 MiB) as that of each child until it is replaced by the contender, so no peak below that is seen.
"""

import json
import os
import subprocess
import sys
import time


def run(command, environment):
    begun = time.monotonic()
    child = os.posix_spawnp(
        command[0],
        command,
        {**os.environ, **environment},
        # The report of a contender is of no interest here; its errors are.
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - begun
    if status != 0:
        sys.exit(f"`{' '.join(command)}` failed with wait status {status}")
    return {
        "wall_seconds": wall,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mebibytes": usage.ru_maxrss / 1024,
    }


def check(contender, environment):
    """Runs a contender once outside of the count, and compares what it prints.

    A line end more or less behind the last value is no difference: `print` writes one.
    """
    done = subprocess.run(
        contender["command"], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        sys.exit(f"{contender['name']} failed with exit code {done.returncode}")
    if done.stdout.rstrip("\n") != contender["stdout"].rstrip("\n"):
        sys.exit(f"{contender['name']} does not print what it should")


def main(plan_file, samples_file):
    with open(plan_file) as file:
        plan = json.load(file)
    contenders = plan["contenders"]
    samples = [[] for _ in contenders]
    environments = [
        {name: os.path.expandvars(value) for name, value in contender["environment"].items()}
        for contender in contenders
    ]
    for contender, environment in zip(contenders, environments):
        if contender["stdout"] is not None:
            check(contender, environment)
    for number in range(1, plan["rounds"] + 1):
        for own, contender, environment in zip(samples, contenders, environments):
            sample = run(contender["command"], environment)
            own.append(sample)
            print(
                f"round {number}: {contender['name']}: {sample['wall_seconds']:.2f} s wall, "
                f"{sample['cpu_seconds']:.2f} s CPU, {sample['peak_mebibytes']:.0f} MiB",
                file=sys.stderr,
            )
    with open(samples_file, "w") as file:
        json.dump(samples, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
