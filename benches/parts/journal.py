#!/usr/bin/env python3
"""The times in a run's journal: journal.py JOURNAL [COMMAND STARTED], both in seconds of the clock, for initiate-dr."""

import json
import sys
from datetime import datetime


def at(record):
    return datetime.fromisoformat(record["at"].replace("Z", "+00:00")).timestamp()


def main(journal, *given):
    with open(journal) as lines:
        records = [json.loads(line) for line in lines]
    plan = records[0]["what"]["run"]["plan"]
    kinds = {step["id"]: next(iter(step["step"])) for stage in plan["stages"] for step in stage["steps"]}
    begun = at(records[0])
    ends = {}
    for record in records:
        step = record["what"].get("step") if isinstance(record["what"], dict) else None
        if step and "started" not in (step["event"] if isinstance(step["event"], dict) else [step["event"]]):
            ends[step["id"]] = at(record)
    of = lambda kind: sorted(time for step, time in ends.items() if kinds[step] == kind)
    end = of("serve")[-1]
    if plan["goal"] == "initiate_dr":
        command, started = map(float, given)
        figures = {"command": end - command, "consent": end - begun, "own": started - begun}
    else:
        joins = of("join")
        figures = {"joins": joins[-1] - joins[0], "voter": of("promote")[-1] - begun, "port": end - begun}
    print(" ".join(f"{key}={seconds:.3f}" for key, seconds in figures.items()))


main(*sys.argv[1:])
