"""Runs the rows of a test side by side, each in a world of its own, and prints a line for each."""
import concurrent.futures
import os
import sys
import time
import traceback

from nightshift_process import World

LOG_TAIL = 12000


class Rows:
    """rows.row("what it shows", **world options) marks a function that takes its World."""

    def __init__(self, name):
        self.name = name
        self.rows = []

    def row(self, what, **options):
        def keep(function):
            self.rows.append((what, options, function))
            return function
        return keep

    def run_row(self, programs, row):
        """Returns what went wrong, "" if nothing."""
        what, options, function = row
        options = dict(options)
        start = options.pop("start", True)
        daemon_log = ""
        began = time.monotonic()
        try:
            with World(programs, **options) as world:
                try:
                    if start:
                        world.daemon.start()
                    function(world)
                    if world.daemon.process is not None and world.daemon.process.poll() is None:
                        status = world.daemon.stop()
                        if status != 0:
                            raise AssertionError("nightshiftd ended with %d" % status)
                finally:
                    if os.path.exists(world.daemon.log_file):
                        daemon_log = world.daemon.log()[-LOG_TAIL:]
        except Exception:  # pylint: disable=broad-except
            print("--- %s: %s\n%s--- its daemon's log\n%s---" % (
                self.name, what, traceback.format_exc(), daemon_log), flush=True)
            print("test failed: %s: %s" % (self.name, what), flush=True)
            return False
        print("test ok: %s: %s (%.1f s)" % (self.name, what, time.monotonic() - began), flush=True)
        return True

    def run(self, programs, only="", workers=4):
        """Returns an exit status. only: a part of the names of the rows to run."""
        rows = [row for row in self.rows if only in row[0]]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(lambda row: self.run_row(programs, row), rows))
        return 0 if results and all(results) else 1


def programs_of(arguments):
    """{"kubesim": path, ...} of the paths among the arguments, and what is left."""
    programs = {}
    rest = []
    for argument in arguments:
        if os.path.basename(argument) in ("kubesim", "nightshiftd", "nightshift"):
            programs[os.path.basename(argument)] = os.path.abspath(argument)
        else:
            rest.append(argument)
    return programs, rest


def main(rows):
    programs, rest = programs_of(sys.argv[1:])
    sys.exit(rows.run(programs, *rest))
