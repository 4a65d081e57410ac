"""The steps of a task, for people: which are done, which one runs, what is to come.

    with report_steps("Emitidos", "Recibidos", "Guardar") as steps:
        for step in steps:
            ...                                    # as many rounds as steps
            steps.progress(40, "mes 5 de 12")      # within this step
"""

from __future__ import annotations

from typing import Any, Iterator

from celery import Task

from .task import report_progress

PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"


class Step:
    """One step: ``key`` is what the rule in taskbridge.yaml calls it."""

    __slots__ = ("key", "label", "state")

    def __init__(self, key: str, label: str):
        self.key = key
        self.label = label
        self.state = PENDING

    def __repr__(self) -> str:
        return "<Step %s: %s>" % (self.key, self.state)


class Steps:
    """Runs through the steps and tells of each; never raises for want of a broker."""

    def __init__(self, steps: Any, task: Task | None = None):
        self.steps = [as_step(step) for step in steps]
        if not self.steps:
            raise ValueError("report_steps needs at least one step")
        if len({step.key for step in self.steps}) < len(self.steps):
            raise ValueError("two steps have one key")
        self.task = task
        self.at = -1

    def __iter__(self) -> Iterator[Step]:
        """Each step in turn; it runs while the loop's body does."""
        for step in self.steps:
            self.start(step.key)
            yield step
        self.finish()

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is not None and 0 <= self.at < len(self.steps):
            self.steps[self.at].state = FAILED
            self.report(None, None)

    def start(self, key: str, status: str | None = None) -> None:
        """Begin a step; those before it are done."""
        places = [place for place, step in enumerate(self.steps) if step.key == key]
        if not places:
            raise ValueError("there is no step %r" % key)
        self.at = places[0]
        for place, step in enumerate(self.steps):
            step.state = (
                DONE if place < self.at else RUNNING if place == self.at else PENDING
            )
        self.report(0, status)

    def progress(self, percent: float, status: str | None = None) -> None:
        """How far the running step is, 0 to 100."""
        self.report(percent, status)

    def finish(self, status: str | None = None) -> None:
        """All steps are done."""
        self.at = len(self.steps)
        for step in self.steps:
            step.state = DONE
        self.report(0, status)

    def report(self, percent: float | None, status: str | None) -> None:
        fields: dict[str, Any] = {
            "steps": [
                {"key": step.key, "label": step.label, "state": step.state}
                for step in self.steps
            ]
        }
        if 0 <= self.at < len(self.steps):
            step = self.steps[self.at]
            fields["step_key"] = step.key
            status = status or step.label
        progress = None
        if percent is not None:
            within = min(max(float(percent), 0.0), 100.0)
            progress = min((100.0 * self.at + within) / len(self.steps), 100.0)
        report_progress(progress, status, task=self.task, **fields)


def report_steps(*steps: Any, task: Task | None = None) -> Steps:
    """The running task's steps: labels, ``(key, label)`` pairs or ``{key, label}``.

    They may also come as one list. Nothing is told before the first step starts.
    """
    if len(steps) == 1 and not isinstance(steps[0], (str, dict)):
        given = list(steps[0])
        if not (len(given) == 2 and isinstance(steps[0], tuple)):
            return Steps(given, task)
    return Steps(steps, task)


def as_step(step: Any) -> Step:
    if isinstance(step, str):
        return Step(step, step)
    if isinstance(step, dict):
        return Step(str(step["key"]), str(step.get("label") or step["key"]))
    key, label = step
    return Step(str(key), str(label))
