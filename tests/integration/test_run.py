"""The newcomer's command, with the test's servers in place of its own."""

import json
import os
import signal
import subprocess

import pytest

from harness import free_port
from harness.process import base_environment
from harness.stack import ROOT

NAMES = [
    "Creando procesos tributarios",
    "Sincronizando documentos SII",
    "Sincronizando formularios históricos",
    "Sincronizando historial completo de documentos",
]


def run_environment(site, **variables):
    return base_environment(TASKBRIDGE_AMQP_URL=site.amqp_url, TASKBRIDGE_DATABASE_URL=site.database_url,
                            DEMO_SPEED="20", **variables)


def processes_of(site):
    """Ids of the processes that were started with this site's broker."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if site.amqp_url.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            continue
    return found


def test_once_prints_the_document_of_a_finished_onboarding_and_leaves_nothing_running(bare_site):
    done = subprocess.run([ROOT / "scripts" / "run", "--once"], env=run_environment(bare_site), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["company_id"] == 73
    assert document["company_name"] == "Example Company"
    assert document["all_completed"] is True
    assert document["active_tasks"] == []
    completed = document["summary"]["recent_completed"]
    assert sorted(task["name"] for task in completed) == NAMES
    assert [task["status"] for task in completed] == ["success"] * 4
    assert processes_of(bare_site) == []


def test_interrupt_stops_everything_that_was_started(bare_site):
    run = subprocess.Popen([ROOT / "scripts" / "run"], env=run_environment(bare_site), text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           start_new_session=True)
    said = []
    for line in run.stdout:
        said.append(line)
        if "Ctrl-C stops everything" in line:
            break
    assert "/onboarding/73#token=" in "".join(said)
    assert processes_of(bare_site) != []
    os.killpg(run.pid, signal.SIGINT)
    rest = run.stdout.read()
    assert run.wait(60) == 0, "".join(said) + rest
    assert "everything that was started here is stopped" in rest
    assert processes_of(bare_site) == []


@pytest.mark.parametrize("arguments", [["--twice"], ["--once", "73"]])
def test_wrong_arguments_are_refused_with_the_usage(arguments):
    done = subprocess.run([ROOT / "scripts" / "run", *arguments], env=base_environment(), text=True,
                          capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: scripts/run")


def test_database_that_is_not_there_is_a_failure_that_says_what_failed(bare_site):
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    environment = {**run_environment(bare_site), "TASKBRIDGE_DATABASE_URL": nowhere}
    done = subprocess.run([ROOT / "scripts" / "run", "--once"], env=environment, text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=600, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "migrate" in done.stderr
    assert "everything that was started here is stopped" in done.stderr
