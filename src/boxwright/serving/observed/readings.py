"""What is read when Prometheus asks: how following, journal, work and process stand at that moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from boxwright.serving.journal import Journal
from boxwright.serving.observed.health import Watch
from boxwright.serving.primary.slot import Slot
from boxwright.serving.request.answer import Answering

STATES = ("starting", "current", "loading", "retrying", "stale")


class RolloutReadings(Collector):
    """What is wanted, what answers, and how old that knowledge is."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def collect(self) -> Iterator[Metric]:
        state = self._slot.state
        serving, wanted = state.serving, state.wanted
        info = GaugeMetricFamily(
            "boxwright_model_info", "The bundle that answers; always 1.", labels=["digest", "release", "spec"]
        )
        if serving is not None:
            info.add_metric([serving.digest, serving.release, serving.detector.contract.spec_name], 1)
        yield info
        want = GaugeMetricFamily(
            "boxwright_wanted_info", "The bundle that should answer; always 1.", labels=["digest", "release"]
        )
        if wanted is not None:
            want.add_metric([wanted.bundle, wanted.release], 1)
        yield want
        match = serving is not None and wanted is not None and serving.digest == wanted.bundle
        yield _gauge("boxwright_serving_is_wanted", "1 where the wanted bundle answers.", match)
        yield _gauge(
            "boxwright_rollout_last_look_timestamp_seconds", "Last good look at the rollout.", state.last_look_at or 0
        )
        yield _gauge("boxwright_rollout_stale", "1 where the rollout was not seen for 10 s.", state.stale)
        yield _gauge(
            "boxwright_warm_bundles", "Bundles kept loaded beside the one that answers.", state.warm is not None
        )
        states = GaugeMetricFamily("boxwright_release_state", "1 for the present state of following.", labels=["state"])
        for name in STATES:
            states.add_metric([name], name == state.state)
        yield states
        yield CounterMetricFamily(
            "boxwright_load_failures", "Attempts to load a bundle that failed.", value=state.load_failures
        )
        yield _gauge("boxwright_loads_hanging", "Loads that were left behind and have not ended.", state.hanging)
        swaps = CounterMetricFamily("boxwright_swaps", "Times that another bundle took over.", labels=["kind"])
        swaps.add_metric(["warm"], state.warm_swaps)
        swaps.add_metric(["loaded"], state.swaps - state.warm_swaps)
        yield swaps


class JournalReadings(Collector):
    """Whether records are written, when the last one was, and how much there is."""

    def __init__(self, journal: Journal, answering: Answering) -> None:
        self._journal, self._answering = journal, answering

    def collect(self) -> Iterator[Metric]:
        journal = self._journal
        yield _gauge("boxwright_journal_writable", "1 where records and pictures can be written.", journal.writable)
        yield _gauge(
            "boxwright_journal_last_write_timestamp_seconds",
            "Last record; 0 before the first.",
            self._answering.recorded_at,
        )
        yield CounterMetricFamily(
            "boxwright_journal_gap", "Answers given without a record.", value=journal.missed_records
        )
        yield _gauge("boxwright_journal_bytes", "Bytes of segments and pictures.", journal.bytes)
        yield _gauge("boxwright_journal_segments", "Segments.", journal.segments)
        yield CounterMetricFamily(
            "boxwright_pictures_left_out",
            "Pictures not kept because the disk was nearly full.",
            value=journal.pictures_left_out,
        )


class WorkReadings(Collector):
    """Workers and event loop."""

    def __init__(self, watch: Watch, ready: Callable[[], bool]) -> None:
        self._watch, self._ready = watch, ready

    def collect(self) -> Iterator[Metric]:
        yield _gauge("boxwright_ready", "1 where /v2/health/ready says 200.", self._ready())
        yield _gauge(
            "boxwright_wedged_workers", "Workers at one request for over twice its deadline.", self._watch.wedged
        )
        yield _gauge(
            "boxwright_oldest_work_seconds", "How long the longest request is worked on.", self._watch.oldest_s
        )
        yield _gauge("boxwright_event_loop_lag_seconds", "How late the event loop is.", self._watch.lag_s)


class ThreadReadings(Collector):
    """Threads of the process, those of the runtime included."""

    def collect(self) -> Iterator[Metric]:
        try:
            count = len(os.listdir("/proc/self/task"))
        except OSError:
            return
        yield _gauge("process_threads", "Threads of the process.", count)


def read_process(registry: CollectorRegistry) -> None:
    """Memory, CPU, file descriptors, start time, threads, garbage collection, versions."""
    registry.register(ThreadReadings())
    for collector in (ProcessCollector, GCCollector, PlatformCollector):
        collector(registry=registry)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))
