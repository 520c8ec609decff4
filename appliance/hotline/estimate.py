"""The expected wait: from the place in line, the agents present and how long calls take here."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from math import fsum

# A short memory would throw away what is gained over the wait of the last callers: exponential
# handling times are known to 3 % from 1000 calls, to 5 % from 400, to 22 % from 20. A large group
# in a long line needs the 1000; a small office sees fewer in the days that are kept.
MOST_CALLS = 1000

# What is assumed before the first call, and how many calls it is worth afterwards.
PRIOR_HANDLING_SECONDS = 180.0
PRIOR_CALLS = 5

# Before anybody gave up, nobody is expected to: a wait is not promised shorter on a guess.
# These seconds without a hang-up are added to what was seen.
PRIOR_WAITED_SECONDS = 1800.0

# A handset that lay beside its telephone all afternoon is not a call: nothing counts for more
# than this many medians. Of log-normal handling times with the spread of real calls (standard
# deviation = 1.3 means) it cuts 0.6 % off the mean.
_MOST_MEDIANS = 20


@dataclass(frozen=True)
class History:
    """What a department has seen in its last days.

    `handling_seconds` are talk plus wrap-up of each call and callback, newest last; more than
    `MOST_CALLS` are not looked at. `gave_up` counts who left the line unserved (hung up or
    left a message) and `waited_seconds` is what everybody waited together, served or not;
    both are of callers on the telephone, callbacks not counted.
    """

    handling_seconds: tuple[float, ...] = ()
    gave_up: int = 0
    waited_seconds: float = 0.0

    @cached_property
    def mean_handling_seconds(self) -> float:
        """How long an agent is occupied by a call, on average; always above 0.

        It is the mean that the speed of a line depends on, however long the tail, so a median
        would promise too much. Few calls are drawn towards `PRIOR_HANDLING_SECONDS`.
        """
        seen = sorted((*self.handling_seconds[-MOST_CALLS:], *[PRIOR_HANDLING_SECONDS] * PRIOR_CALLS))
        most = _MOST_MEDIANS * seen[len(seen) // 2]
        credible = bisect_right(seen, most)
        return (fsum(seen[:credible]) + most * (len(seen) - credible)) / len(seen)

    @cached_property
    def give_up_per_second(self) -> float:
        """The rate at which one waiting caller gives up: hang-ups per second waited."""
        return self.gave_up / (self.waited_seconds + PRIOR_WAITED_SECONDS)


def expected_wait_seconds(ahead: int, agents: int, history: History) -> float | None:
    """How long a caller who stays will wait from now on; None when nobody can know.

    `ahead` is how many people and due callbacks stand in front and are served by the same
    agents; `agents` how many serve them: present, be they free, rung, in a call or in wrap-up.

    While `k` are in front, the next of the `agents` becomes free after 1/(agents*rate) seconds
    on average, and each of the `k` may give up before. The sum over the places is QLa of
    Ibrahim and Whitt, "Real-Time Delay Estimation in Overloaded Multiserver Queues with
    Abandonments", Management Science 55 (2009), after Whitt, "Predicting Queueing Delays",
    Management Science 45 (1999). As it stands it is too long for those who are served in the
    end, by 17 % in an overloaded line: of two courses the slow one is the one in which callers
    give up. Given that this caller does not, a place takes 1/(agents*rate + (k+1)*give_up):
    how long the state lasts and what ends it are independent, so the caller's own patience
    counts like that of one more in front.
    """
    if agents < 1:
        return None
    served_per_second = agents / history.mean_handling_seconds
    give_up = history.give_up_per_second
    return fsum(1 / (served_per_second + k * give_up) for k in range(1, ahead + 2))
