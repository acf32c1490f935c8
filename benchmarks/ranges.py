"""What a range saves against as many nights: a year in one pass, and a few of its nights.

    python -m benchmarks.ranges [--nights 3]

Ingests the sample year as one range, then single nights of it, and sets 365 times the mean night against the range.
That is an extrapolation, and says so: 365 nights are not run.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import statistics

from benchmarks.nights import deliver, home_of_its_own, run_stages
from nightshift.dates import BatchDates
from nightshift.stages import INGEST

YEAR = BatchDates(dt.date(2013, 1, 1), dt.date(2013, 12, 31))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=3, help="nights that are run; spread over the year")
    nights = parser.parse_args().nights
    with home_of_its_own():
        deliver(YEAR)
        year = run_stages(INGEST, YEAR)
        dates = [YEAR.first + dt.timedelta(days=60 + number * 270 // nights) for number in range(nights)]
        each = [run_stages(INGEST, BatchDates.of(date)).seconds for date in dates]
    mean = statistics.mean(each)
    print(f"land, refine and features of {YEAR} as one range: {year.seconds:.0f} s")
    print(f"of {nights} single nights: {', '.join(f'{seconds:.1f}' for seconds in each)} s, {mean:.1f} s on average")
    ratio = len(YEAR) * mean / year.seconds
    print(f"extrapolated: {len(YEAR)} nights {len(YEAR) * mean:.0f} s, {ratio:.0f} times the range")


if __name__ == "__main__":
    main()
