"""A night: run every step that can run, two at a time, and give the result of each in one line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyjobs.runs.nights import step_process
from pyjobs.runs.nights.step_process import Ended, Running
from pyjobs.runs.nights.steps import Step, StepResult, log_name, ready, why_not, write_steps

POLL_S = 0.02
HEARTBEAT_S = 30.0
STEP_LIMIT_S = 7200.0  # half of what the whole night has


@dataclass(slots=True, kw_only=True)
class Night:
    """One night in its run folder.

    `tell_session` is asked once, after the first step, for the session the night is about (None: not known).
    `say` gets one line per event, `began` each verb right before it starts. `about` goes into logs/steps.json with
    the steps. A step that takes longer than `limit_s` seconds is ended, which is 124, and the others go on.
    """

    run_dir: Path
    clone: Path
    desk_file: Path
    steps: Sequence[Step]
    about: dict[str, object]
    tell_session: Callable[[], str | None]
    say: Callable[[str], None]
    dumps: str | None = None
    began: Callable[[str], None] = lambda _verb: None
    pool: int = 2
    session: str | None = None
    zone_s: int = 0
    limit_s: float = STEP_LIMIT_S
    done: dict[str, StepResult] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    outcomes: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def run(self) -> list[StepResult]:
        """Run them all; returns the results in the order of the table. On any exception every child is ended first."""
        try:
            self._note()
            while len(self.done) < len(self.steps):
                self._start_what_can()
                self._collect()
        finally:
            step_process.stop_all(list(self.running.values()))
        return self.results()

    def results(self) -> list[StepResult]:
        """What has become of the steps so far, in the order of the table."""
        return [self.done[step.verb] for step in self.steps if step.verb in self.done]

    def _start_what_can(self) -> None:
        for step in self.steps:
            if step.verb in self.done or step.verb in self.running or not ready(step, self.done):
                continue
            self._learn_session(step)
            reason = why_not(step, self.done, session=self.session)
            if reason:
                self._finish(
                    step, StepResult(step=step.verb, outcome="skip", exit_code=None, seconds=0, reason=reason, log="")
                )
            elif len(self.running) < self.pool:
                self.began(step.verb)
                self.running[step.verb] = step_process.start(
                    self._command(step), self.run_dir / log_name(step), cwd=self.clone, zone_s=self.zone_s
                )

    def _collect(self) -> None:
        """Wait until a child ends (or there is none), and note every one that has; now and then a sign of life."""
        beat = time.monotonic() + HEARTBEAT_S
        while self.running and all(child.process.poll() is None for child in self.running.values()):
            time.sleep(POLL_S)
            late = [child for child in self.running.values() if time.monotonic() - child.started > self.limit_s]
            if late:
                step_process.time_out(late, self.limit_s)
                break
            if time.monotonic() >= beat:
                beat += HEARTBEAT_S
                for verb, child in self.running.items():
                    seconds = time.monotonic() - child.started
                    self.say(f"[....] {verb} {seconds:.0f} s so far: {step_process.last_line(child.log)}")
        for verb in [verb for verb, child in self.running.items() if child.late or child.process.poll() is not None]:
            child = self.running.pop(verb)
            step = next(step for step in self.steps if step.verb == verb)
            self._finish(step, self._result(step, child.wait()))

    def _result(self, step: Step, ended: Ended) -> StepResult:
        self.outcomes[step.verb] = ended.outcome
        return result_of(step.verb, ended, log=self.run_dir / log_name(step), shown_log=log_name(step))

    def _finish(self, step: Step, result: StepResult) -> None:
        self.done[step.verb] = result
        self.say(line(result))
        self._note()

    def _note(self) -> None:
        write_steps(self.run_dir, about={**self.about, "session": self.session}, results=self.results())

    def _learn_session(self, step: Step) -> None:
        """Ask once, when the first step that is about a session becomes ready: the bars are in the store by then."""
        if step.session and self.session is None and "session" not in self.about:
            self.session = self.tell_session()
            self.about["session"] = self.session
            self.say(f"session {self.session or 'unknown'}")

    def _command(self, step: Step) -> list[str]:
        command = [sys.executable, "-u", "-m", f"pyjobs.{step.verb}", "--desk", str(self.desk_file)]
        if step.session and self.session:
            command += ["--session", self.session]
        if step.verb == "import_bars" and self.dumps:
            command += ["--dumps", self.dumps]
        return [*command, "--out", str(self.run_dir)]


def result_of(verb: str, ended: Ended, *, log: Path, shown_log: str) -> StepResult:
    """How a command ended, with the reason it gave: what `utils.run` reported, else the last line of its log."""
    reason = ""
    if ended.exit_code:
        text, kind = str(ended.outcome.get("detail") or ""), str(ended.outcome.get("kind") or "")
        reason = (text or step_process.last_line(log)).strip().rpartition("\n")[2]
        reason = f"{kind}: {reason}" if kind not in reason else reason
    return StepResult(
        step=verb,
        outcome="fail" if ended.exit_code else "ok",
        exit_code=ended.exit_code,
        seconds=round(ended.seconds, 2),
        reason=reason,
        log=shown_log,
    )


def line(result: StepResult) -> str:
    """`[ok]   scan 0.8 s`, `[FAIL] scan exit 65 after 0.8 s: why — see <log>`, `[skip] queue_signals: needs scan`.

    The log is named relative to the run folder, which is renamed when the run is finished.
    """
    if result.outcome == "ok":
        return f"[ok]   {result.step} {result.seconds:.1f} s"
    if result.outcome == "skip":
        return f"[skip] {result.step}: {result.reason}"
    why = result.reason or "no output"
    return f"[FAIL] {result.step} exit {result.exit_code} after {result.seconds:.1f} s: {why} — see {result.log}"
