#!/usr/bin/env python3
"""How long `add FILE --no-embed` takes, and how much memory: taking_in.py SYNTOPIC FILE [RUNS]

Each run makes a new library beside nothing else; after them, the same with the first quarter of the file's lines, so that memory that
grows with the file is seen. Time by the clock and of the processor, and the most memory that was resident.
"""
import os
import subprocess
import sys
import tempfile
import time


def run(binary, file, folder):
    began = time.monotonic()
    arguments = [binary, "--library", os.path.join(folder, "library"), "add", file, "--no-embed"]
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if child.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: exit code {child.returncode}")
    print(f"{wall:6.2f} s by the clock, {used.ru_utime + used.ru_stime:6.2f} s of a processor, {used.ru_maxrss / 1000:6.1f} MB")


def main():
    binary, file = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory() as place:
        quarter = os.path.join(place, "quarter.jsonl")
        with open(file, "rb") as lines:
            n = sum(1 for _ in lines)
            lines.seek(0)
            with open(quarter, "wb") as out:
                for _, line in zip(range(n // 4), lines):
                    out.write(line)
        for what, lines in ((file, n), (quarter, n // 4)):
            print(f"{lines} lines, {os.path.getsize(what) / 1e6:.0f} MB")
            for _ in range(runs):
                with tempfile.TemporaryDirectory(dir=place) as folder:
                    run(binary, what, folder)


main()
