"""Every series there is, with its help text: bots' own, their resources, and herdsman's health."""

from collections.abc import Callable, Mapping

from telemetry.liveness.series import LIVENESS
from telemetry.metric_types import METRIC_TYPES, series_name
from telemetry.prometheus import Counter, Gauge, Histogram, Registry, Rows
from telemetry.trading.derived import DERIVED

RESOURCES: Mapping[str, str] = {
    "bot_up": "Is 1 while the bot's process runs, 0 from its end on",
    "bot_cpu_percent": "CPU use of the bot's processes, in percent of one core",
    "bot_cpu_limit_percent": "The bot's CPU limit, in percent of one core",
    "bot_memory_bytes": "Resident memory of the bot's processes",
    "bot_memory_pss_bytes": "Proportional memory of the bot's processes: shared pages counted in shares",
    "bot_memory_limit_bytes": "The bot's memory limit",
    "bot_processes": "Processes of the bot, its launcher included",
    "bot_threads": "Threads of the bot's processes",
    "bot_open_files": "Descriptors that the bot's process with the most of them holds open",
    "bot_open_files_limit": "How many descriptors that process may hold open",
    "bot_cpu_throttled_percent": "Share of time in which its limit kept the bot off the CPU (own cgroup)",
    "bot_disk_free_bytes": "What is left on the disk of the bot's state folder",
    "bot_disk_stalled_seconds": "Seconds that this disk has not answered, 0 once it does again",
    "bot_disk_read_bytes_per_second": "Bytes a second that the bot's processes made the disk read",
    "bot_disk_write_bytes_per_second": "Bytes a second that the bot's processes made the disk write",
    "bot_network_receive_bytes_per_second": "Bytes a second received, in a network namespace of its own",
    "bot_network_transmit_bytes_per_second": "Bytes a second sent, in a network namespace of its own",
    "bot_state_bytes": "Size of the files in the bot's state folder",
}
"""Measured by the agent for each bot."""

FORECASTS: Mapping[str, str] = {
    "bot_memory_seconds_to_limit": "Seconds until the bot's memory reaches its limit, while it truly rises",
    "bot_open_files_seconds_to_limit": "Seconds until it holds all descriptors it may, while they truly rise",
    "bot_disk_seconds_to_limit": "Seconds until its state fills the disk, while it truly grows",
}
"""Foretold for each bot that truly comes nearer to a limit; else there is no sample."""

HEALTH: Mapping[str, str] = {
    "herdsman_intake_lines_total": "Lines that agents sent and the stores acknowledged",
    "herdsman_intake_batches_total": "Requests of agents, by answer",
    "herdsman_intake_repeated_lines_total": "Lines that came again and were known already",
    "herdsman_intake_repeated_events_total": "Lines that were not kept, since their event_id was known",
    "herdsman_intake_seq_gaps_total": "Gaps in the seq of bots' lines",
    "herdsman_intake_samples_total": "Samples that were stored",
    "herdsman_intake_refused_values_total": "Numbers that bots printed and that were not kept",
    "herdsman_rule_matches_total": "Lines that log rules matched, one for each rule",
    "herdsman_rule_misses_total": "Groups of log rules that should hold a number and did not",
    "herdsman_rule_other_labels_total": "Matches counted under the label other, since labels are too many",
    "herdsman_rule_refused_total": "Numbers of log rules that were not kept: the bot has too many series",
    "herdsman_rule_skipped_lines_total": "Lines that log rules did not look at, since too many waited",
    "herdsman_intake_waiting_bytes": "Bytes of batches that wait for a store",
    "herdsman_intake_lag_seconds": "Age of the newest line when its batch was read",
    "herdsman_events_stored_total": "Events written to the event store",
    "herdsman_events_unindexed": "Events that the text search does not know yet",
    "herdsman_store_errors_total": "Writes that a telemetry store refused or did not answer, by store",
    "herdsman_store_replays_total": "Times that the last samples were sent again after the store restarted",
    "herdsman_store_rejected_rows_total": "Rows that the series store dropped by its own account",
    "herdsman_store_waiting_samples": "Samples that wait to be written",
    "herdsman_events_index_lag_seconds": "Seconds that the oldest of them waits to be indexed",
    "herdsman_embedded_bytes": "Size of the embedded store's file",
    "herdsman_live_subscribers": "Open live streams",
    "herdsman_live_messages_total": "Messages that were published to at least one live stream",
    "herdsman_live_resets_total": "Live streams that were told to fetch anew, by reason",
    "herdsman_http_requests_total": "Requests answered, by method, route and status",
    "herdsman_ingest_denied_timestamp_seconds": (
        "When an agent's batch was last refused for its token, by status (Unix time; 0: never)"
    ),
    "herdsman_http_request_seconds": "Seconds until a request was answered, by route; streams are left out",
    "herdsman_webhooks_total": "Webhook deliveries of git servers, by source and result",
    "herdsman_process_memory_bytes": "Resident memory of this process",
    "herdsman_process_cpu_seconds_total": "CPU time that this process has used",
    "herdsman_process_open_files": "Files and connections that this process holds open",
    "herdsman_pass_seconds": "How long the last pass took until its changes were under way",
    "herdsman_pass_age_seconds": "Seconds since the last pass ended",
    "herdsman_changes_under_way": "Bots whose change has not come to running, gone or failed",
    "herdsman_bots": "Bots that herdsman looks after",
    "herdsman_bot_info": "Is 1 for each bot; its labels are its status in words",
    "herdsman_bots_by_sync": "Bots by their sync",
    "herdsman_bots_by_health": "Bots by their health",
    "herdsman_bots_by_operation": "Bots by what is being done about them",
    "herdsman_bots_by_reason": "Bots by the reason of their health or sync",
    "herdsman_bots_by_condition": "Bots by the answer to each condition: True, False or Unknown",
    "herdsman_bots_behind": "Bots of which something is asked that was not tried yet",
    "herdsman_bot_drifted_since_seconds": "When each bot drifted whose drift is not put right yet: Unix time",
    "herdsman_drifts_total": "Times that a bot was changed behind our back, by kind, as the leader counts",
    "herdsman_drifts_corrected_total": "Those of them that were put right, by kind",
    "herdsman_alerts_firing": "Alerts that fire now",
    "herdsman_alert_rules": "Alert rules, counted for each bot that they are for",
    "herdsman_alert_failures_total": "Times that a rule could not be judged; the log says why",
    "herdsman_agent_allocations": "Allocations whose output the agent in this process follows",
    "herdsman_agent_files": "Log files that the agent in this process holds open",
    "herdsman_agent_batches_total": "Batches that the agent in this process had acknowledged",
    "herdsman_agent_missed_files_total": "Log files that were deleted before they could be read",
    "herdsman_agent_sample_interval_seconds": "Seconds between two measurements of the bots of this node",
    "herdsman_agent_sample_cpu_seconds_total": "CPU time that the agent in this process took to measure bots",
    "herdsman_leading": "Whether this `herdsman controller` leads: 1, else 0, as on any other process",
    "herdsman_leadership_epoch": "How many leaders there were, on the `herdsman controller` that leads",
    "herdsman_agent_states_saved_total": "States of bots that the agent in this process saved",
    "herdsman_agent_states_failed_total": "Saves of a bot's state that failed and were tried again",
    "herdsman_agent_states_refused_total": "Saves of fenced copies, which the service refused",
    "herdsman_agent_states_restored_total": "States that the agent in this process brought to its node",
}
"""Herdsman's own, as telemetry and the web service count it."""
HISTOGRAMS = frozenset({"herdsman_http_request_seconds"})
"""Those of `HEALTH` that are histograms: their samples are `_bucket`, `_sum` and `_count`."""


def bot_series() -> dict[str, str]:
    """Return the series of the known event types, with a text each."""
    found = {}
    for kind, rules in METRIC_TYPES.items():
        for name in (*rules.numbers, *rules.optional):
            found[series_name(kind, name)] = f"The field {name} of the bot's {kind} lines"
    return found


def all_series() -> dict[str, str]:
    """Return every documented series, with its text."""
    return {**bot_series(), **RESOURCES, **DERIVED, **LIVENESS, **FORECASTS, **HEALTH}


class Health:
    """Herdsman's own numbers in one registry: each is declared in `HEALTH` and nowhere else."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or Registry()
        for name in HEALTH.keys() - HISTOGRAMS:
            self._declare(name)
        for name in HISTOGRAMS:
            self.histogram(name)

    def _declare(self, name: str) -> Counter | Gauge:
        if name.endswith("_total"):
            return self.registry.counter(name, HEALTH[name])
        return self.registry.gauge(name, HEALTH[name])

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter of `HEALTH`."""
        self.registry.counter(name, HEALTH[name]).add(amount, **labels)

    def gauge(self, name: str) -> Gauge:
        """Return a gauge of `HEALTH`."""
        return self.registry.gauge(name, HEALTH[name])

    def reads(self, name: str, read: Callable[[], float]) -> None:
        """Take a number of `HEALTH` from a function whenever it is asked for."""
        self._declare(name).read = read

    def reads_rows(self, name: str, read: Callable[[], Rows]) -> None:
        """Take every label set of a number of `HEALTH` from a function whenever it is asked for."""
        self._declare(name).read_rows = read

    def histogram(self, name: str) -> Histogram:
        """Return a histogram of `HEALTH`."""
        return self.registry.histogram(name, HEALTH[name])

    def value(self, name: str, **labels: str) -> float:
        """Return a number as it is now."""
        number = self._declare(name)
        return number.value(**labels)
