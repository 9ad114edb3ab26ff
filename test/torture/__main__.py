"""Run the campaign. See ``python -m torture --help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from itertools import count

from torture import (
    clusters,
    diskfaults,
    edits,
    kills,
    labelfiles,
    languages,
    oddfiles,
    races,
    trackfiles,
)
from torture.drill import DRILLS, Trial

__all__ = ["main"]

MODULES = (trackfiles, labelfiles, languages, oddfiles, edits, kills, races, diskfaults, clusters)
"""The modules with drills; those of short trials come first."""


def main() -> None:
    """Run trials of all drills in turn until the time is over, and print a table of counts."""
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored in the background of a shell
        signal.signal(number, signal.SIG_DFL)
    parser = argparse.ArgumentParser(prog="python -m torture", description=main.__doc__)
    parser.add_argument(
        "--seconds", type=float, default=1800, help="time budget; default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices; default 0")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at a time")
    parser.add_argument("--only", default="", metavar="NAME", help="run the drills of this name")
    parser.add_argument("--trial", type=int, help="run this trial only; needs --only")
    parser.add_argument("--trials", type=int, help="run this number of each drill, however long")
    parser.add_argument("--list", action="store_true", help="list the drills and what they cover")
    arguments = parser.parse_args()
    order = [module.__name__.rpartition(".")[2] for module in MODULES]
    DRILLS.sort(key=lambda drill: order.index(drill.name.partition(".")[0]))
    drills = [drill for drill in DRILLS if drill.name.startswith(arguments.only)]
    if arguments.list or not drills:
        for drill in DRILLS:
            print(f"{drill.name:32} {drill.covers}")
        sys.exit(0 if drills else 2)
    campaign = Campaign(arguments.seed)
    if arguments.trial is not None:
        campaign.run([(drills[0], arguments.trial)], 1, None)
    else:
        numbers = count() if arguments.trials is None else range(arguments.trials)
        seconds = arguments.seconds if arguments.trials is None else None
        trials = ((drill, number) for number in numbers for drill in drills)
        campaign.run(trials, arguments.jobs, seconds)
    campaign.print_table()
    sys.exit(1 if campaign.defects else 0)


class Campaign:
    """The trials of a run and their outcomes."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.trials: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = {}
        self.defects: list[tuple[str, str]] = []  # the name of the drill, and a line about it
        self._began = time.monotonic()

    def run(self, trials, jobs: int, seconds: float | None) -> None:
        """Run trials, several at a time. No trial starts after the given time."""
        trials = iter(trials)
        running: list[Trial] = []
        while True:
            over = seconds is not None and time.monotonic() - self._began > seconds
            while len(running) < jobs and not over and (next_one := next(trials, None)):
                running.append(Trial(next_one[0], self.seed, next_one[1]))
            if not running:
                return
            time.sleep(0.01)
            running = [trial for trial in running if not self._finished(trial)]

    def _finished(self, trial: Trial) -> bool:
        ended = trial.ended()
        if ended is None:
            return False
        outcomes, defects = ended
        name = trial.drill.name
        self.trials[name] += 1
        self.outcomes.setdefault(name, Counter()).update(outcomes)
        for defect in defects:
            line = f"DEFECT {name} --trial {trial.number} --seed {self.seed}: {defect}"
            self.defects.append((name, line))
            print(line, flush=True)
        return True

    def print_table(self) -> None:
        """Print the trials, outcomes and defects of each drill, and all defects once more."""
        broken = Counter(name for name, _ in self.defects)
        print(f"{'drill':32} {'trials':>6} {'cases':>8} {'defects':>7}  outcomes")
        for name, trials in self.trials.items():
            outcomes = self.outcomes[name]
            common = ", ".join(f"{what} {n}" for what, n in outcomes.most_common(6))
            cases = outcomes.total() + broken[name]
            print(f"{name:32} {trials:6} {cases:8} {broken[name]:7}  {common}")
        took = time.monotonic() - self._began
        total = sum(outcomes.total() for outcomes in self.outcomes.values()) + len(self.defects)
        print(
            f"{self.trials.total()} trials, {total} cases, {len(self.defects)} defects "
            f"in {took:.0f} s, seed {self.seed}"
        )
        for _, line in self.defects:
            print(line)


if __name__ == "__main__":
    main()
