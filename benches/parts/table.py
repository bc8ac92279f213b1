#!/usr/bin/env python3
"""The figures of a run as a table in Markdown, medians and what they lie between: table.py FIGURES."""

import collections
import platform
import statistics
import subprocess
import sys


def cell(values):
    values = [float(value) for value in values]
    if not values:
        return ""
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f}, n {len(values)})"


def machine():
    with open("/proc/cpuinfo") as lines:
        cpus = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    kernel = platform.release()
    load = open("/proc/loadavg").read().split()[:3]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=sys.path[0])
    return f"{len(cpus)} × {cpus[0] if cpus else platform.machine()}, Linux {kernel}, load {' '.join(load)} at the end, requorum {commit.stdout.strip()}"


def main(path):
    rows = collections.OrderedDict()
    for line in open(path):
        row, who, seconds = line.rstrip("\n").split("\t")
        rows.setdefault(row, collections.defaultdict(list))[who].append(seconds)
    known = ["requorum", "hand", "ansible", "ssh", "doctor"]
    shown = {"hand": "by hand", "ssh": "ssh true by 50", "doctor": "doctor"}
    columns = [who for who in known if any(who in figures for figures in rows.values())]
    print(machine())
    print()
    print("| in seconds: median (least–most, rounds) | " + " | ".join(shown.get(who, who) for who in columns) + " |")
    print("| --- " * (len(columns) + 1) + "|")
    for row, figures in rows.items():
        print(f"| {row} | " + " | ".join(cell(figures.get(who, [])) for who in columns) + " |")


main(*sys.argv[1:])
