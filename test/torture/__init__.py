"""A campaign against the package: kills, races, odd files, full disks and fuzzed input.

`make torture` runs it. A *drill* is a function that makes one trial in a folder of its own. It
returns what happened, and raises `Defect` if something was lost, hung or left behind.
"""
